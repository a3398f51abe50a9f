"""`make chaos`: load on two small services while everything around them fails, then every event is accounted for."""
