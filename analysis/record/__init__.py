"""The ledger, and how it is read: rows, columns, attempts, tables."""
