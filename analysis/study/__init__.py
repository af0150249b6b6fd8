"""A study read back: trials, replicates, confirmations, and what is worked out from them."""
