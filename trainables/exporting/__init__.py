"""A trained network as files that run elsewhere, with measured latencies."""
