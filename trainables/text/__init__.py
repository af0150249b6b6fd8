"""Counts, shares, times and tables in words, the same in all commands."""
