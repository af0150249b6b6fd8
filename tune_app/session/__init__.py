"""One run of the command: signals, time budget, stalled trials, progress."""
