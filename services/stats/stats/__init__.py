"""stats: counts what the province promised and kept."""
