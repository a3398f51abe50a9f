"""The rules of watching cameras, pure: time and ids come in as arguments and what happened is returned."""
