"""Files: written whole, sealed by a checksum, cached; what is said of one that cannot be used."""
