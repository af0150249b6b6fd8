"""The resources of a machine, and the share of them that a trial gets."""
