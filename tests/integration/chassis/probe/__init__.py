"""probe: a throw-away service with which the tests try the chassis from outside, as real processes."""
