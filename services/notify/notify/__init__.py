"""notify: tells citizens and officials what happened, once, and keeps the evidence."""
