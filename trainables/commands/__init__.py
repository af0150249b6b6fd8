"""The commands of ``python -m trainables``, one per file."""

# torch and what needs it is imported inside the commands: help and mistakes are answered at once.
