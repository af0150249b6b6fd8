"""One stage a file: what it measures, cell by cell, and the table that it prints."""
