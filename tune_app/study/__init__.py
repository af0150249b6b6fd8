"""A study from opening to report: the order of the steps."""
