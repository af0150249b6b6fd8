"""Counts, shares, times and tables as a person reads them, alike in every command."""
