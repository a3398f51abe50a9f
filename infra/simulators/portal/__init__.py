"""A simulated national public-service portal with the real one's quirks, for development and tests only."""
