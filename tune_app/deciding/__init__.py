"""Which trial runs next, and which is stopped: searchers and schedulers."""
