"""The whole platform on one machine, for developers and tests: private servers and every service process."""
