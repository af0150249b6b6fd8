"""Networks from files of your own: their code, and what they read."""
