"""What a plan will do and cost, said and checked before anything starts."""
