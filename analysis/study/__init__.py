"""A study read back: trials, replicates, confirmations, and what is computed from them."""
