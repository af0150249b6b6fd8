"""Choices that are only names, without code of their own."""

OBJECTIVES = {
    "val_accuracy": "max",
    "parameters": "min",
    "macs": "min",
}
"""What a search may optimise, and in which direction; the first one given drives the scheduler."""

CONFIRM_CHOICES = {
    "best": "the best",
    "sizes": "the best at each size",
    "families": "the best of each family",
    "question": "what the questions chose",
}
"""What ``--confirm`` retrains, in the words of the confirmation's own question."""

PRESETS = {
    "full": "the space as it is",
    "quick": "a small version of the same question, for a first look",
}
