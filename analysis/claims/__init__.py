"""The conclusions that a study supports, as sentences with their numbers."""
