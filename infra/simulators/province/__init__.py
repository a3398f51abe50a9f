"""A small Sơn La that lives: dossiers arrive and are worked at by the clock, over the public API."""
