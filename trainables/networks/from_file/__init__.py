"""Networks from users' files: their code, and the files that they read."""
