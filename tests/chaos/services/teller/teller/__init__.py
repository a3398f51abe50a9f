"""A service of the chaos run: takes deposits and announces them."""
