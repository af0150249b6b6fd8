"""The commands of ``python -m analysis``, one a file, and what they print on a terminal."""
