"""What ``python -m analysis`` prints on a terminal."""
