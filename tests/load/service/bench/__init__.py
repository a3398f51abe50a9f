"""bench: the smallest service on the chassis; it does what the peers do, with every guarantee on."""
