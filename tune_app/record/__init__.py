"""The study folder: ledger, lease, history, paths, storage."""
