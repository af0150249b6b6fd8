"""The driver alone, fed with results that are on record."""
