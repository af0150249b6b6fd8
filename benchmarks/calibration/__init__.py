"""How often what a report says is right: simulated studies whose truth is known."""
