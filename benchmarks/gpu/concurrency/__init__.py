"""Ways to run several trials on one card at once."""
