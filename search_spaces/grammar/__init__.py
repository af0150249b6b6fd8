"""What a space is made of: keys, domains, conditions, a contrast; and its TOML form."""
