"""The simulated outside world of a province: what `make up` needs to look alive without any real system."""
