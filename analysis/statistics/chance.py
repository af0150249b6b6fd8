"""The accuracy that a network may reach by guessing. Standard library only."""

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
    """The standard error of an accuracy on ``images`` images."""
    return (accuracy * (1 - accuracy) / images) ** 0.5


def above_chance(chance: Any, images: Any) -> Any:
    """Chance level plus two of its standard errors on this number of images, in [0, 1]."""
    return chance + BEYOND_CHANCE * standard_error(chance, images)
