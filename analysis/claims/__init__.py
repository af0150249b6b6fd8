"""What may be said of a study, in words: its answer, its comparison, its advice."""
