"""What may be said of few runs: intervals, contrasts, pairing, power, fronts with doubt."""
