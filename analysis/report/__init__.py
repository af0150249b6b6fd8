"""The report: one page with claims, charts, tables, and how the study was run."""
