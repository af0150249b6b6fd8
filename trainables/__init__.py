"""Training: layers, network, data, optimiser, epoch. Knows no search space, no plan, no report.

Example:
    >>> from trainables.config.train_config import TrainConfig
    >>> config = TrainConfig.from_trial({"layer": "tucker2", "rank": 8, "width": 16})
    >>> config.network_size().parameters
    14672
"""
