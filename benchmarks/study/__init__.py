"""The study of docs/results/study: its spaces, its rival and its records."""
