"""A whole study, from command to table, beside what one would write instead."""
