"""Cameras of quarantine sites: whether they are alive, what they see, and who looked."""
