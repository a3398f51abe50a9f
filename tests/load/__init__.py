"""Measures the platform side by side with its peers: `python -m tests.load`, which is what `make bench` runs."""
