"""The parts of a space: keys, domains, conditions and questions; and its TOML form."""
