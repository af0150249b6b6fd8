"""What can be chosen by name, importable without the libraries that do the work.

``--help`` and ``--plan`` read these; `searchers.SEARCHERS` and `schedulers.SCHEDULERS` implement
them.
"""

SEARCH_CHOICES = {
    "grid": "every combination of the grid points",
    "random": "draws independently of the results",
    "optuna": "proposes from the results so far, as the search runs",
}

SCHEDULER_CHOICES = {
    "none": "every trial runs to its end",
    "asha": "stops the worse trials at growing numbers of epochs",
    "median": "stops trials below the median of the others at the same epoch",
}

STOPPING = frozenset(SCHEDULER_CHOICES) - {"none"}
"""Schedulers that judge a trial before its last epoch."""

OBJECTIVES = {
    "val_accuracy": "max",
    "parameters": "min",
    "macs": "min",
}
"""What a search may optimise, and in which direction; the first one named drives the scheduler."""

CONFIRM_CHOICES = {
    "best": "the best network",
    "sizes": "the best at each size",
    "families": "the best of each family",
    "question": "what each arm of the questions chose",
}

PRESETS = {
    "full": "the space as it is",
    "quick": "a small version of the same question, for a first look",
}
