"""Files: writing them whole, checksums, caches, and messages about files that cannot be used."""
