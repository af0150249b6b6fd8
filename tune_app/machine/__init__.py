"""What a machine has, and what a trial gets of it."""
