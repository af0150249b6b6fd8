"""Text for all commands: counts, shares, times, tables, and suggestions of similar names."""
