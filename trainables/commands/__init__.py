"""The commands of ``python -m trainables``, one a file."""
