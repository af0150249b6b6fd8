"""The plan: every trial that would run, its size, hours, disk and problems."""
