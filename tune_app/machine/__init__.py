"""What a machine has, and what of it a trial gets."""
