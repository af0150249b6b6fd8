"""What a plan will do and cost, printed and checked before anything starts."""
