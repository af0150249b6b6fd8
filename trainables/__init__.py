"""Training: layers, network, data, optimiser, epoch. Knows no search space, no plan, no report."""
