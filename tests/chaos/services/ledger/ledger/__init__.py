"""A service of the chaos run: books deposits, with no care of its own against repeated events."""
