"""Statistics for few runs: intervals, contrasts, power, and Pareto fronts with uncertainty."""
