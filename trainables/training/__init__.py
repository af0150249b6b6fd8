"""The training of one network: epoch, optimiser, schedule, checkpoints."""
