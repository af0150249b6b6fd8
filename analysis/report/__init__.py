"""The report: one page of claims, charts and tables, and what it was run on."""
