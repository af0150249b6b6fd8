"""Learning-rate schedules: the rate at a step, for any number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable

DAWN_PEAK = 5 / 24
"""Share of the training after which dawn's rate is highest: epoch 5 of 24 (Page 2018)."""


def dawn(progress: float) -> float:
    """0 → 1 at ``DAWN_PEAK`` → 0, piecewise linear (cifar10-fast's dawn.py)."""
    return min(progress / DAWN_PEAK, (1 - progress) / (1 - DAWN_PEAK))


def cosine(progress: float) -> float:
    """1 → 0 along half a cosine (Loshchilov and Hutter 2017), without warm-up."""
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {"dawn": dawn, "cosine": cosine}


def learning_rate(schedule: str, peak: float, step: int, steps: int) -> float:
    """The rate of step ``step`` of ``steps``, counted from 1.

    As in the 2018 study, the rate is that at the step's end: the last step of epoch 5 of 24 takes
    dawn's peak, and the last step of all a rate of 0.
    """
    return peak * SCHEDULES[schedule](step / steps)
