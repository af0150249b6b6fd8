"""Words of all commands: counts, shares, times, tables, and the names that were probably meant."""
