"""The questions a study can ask: spaces, their keys and the domains of those keys."""
