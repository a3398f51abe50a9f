"""The pure domain of the dossier service: working calendars, the legal clock, the life cycle, codes and outcomes;
standard library only."""
