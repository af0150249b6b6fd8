"""The accuracy up to which a network may be guessing. Standard library only."""

from __future__ import annotations

from typing import Any

HELD_OUT = {"cifar10": 5_000, "digits": 143}
UNTOLD_HELD_OUT = 5_000
"""Held-out images where neither a configuration nor its data set's name says how many: enough that
no network that learned is taken for one that guesses. One that guesses on fewer images may keep an
accuracy a little above chance, which is what it had."""
BEYOND_CHANCE = 2.0
"""Standard errors above chance up to which a run counts as one that learned nothing."""


def standard_error(accuracy: Any, images: Any) -> Any:
    """The standard error of a share of ``images`` images: what other images would change."""
    return (accuracy * (1 - accuracy) / images) ** 0.5


def above_chance(chance: Any, images: Any) -> Any:
    """Chance and two of its standard errors on so many images, accuracies in [0, 1]."""
    return chance + BEYOND_CHANCE * standard_error(chance, images)
