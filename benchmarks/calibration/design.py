"""A design: a simulated study, and what of the report's words is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.claims.answers import answer
from analysis.study.study import Study
from benchmarks.calibration.simulated import NOISES, Plan

SIGMA = 0.0015
"""The usual run-to-run spread of an accuracy."""
MIDDLE = 0.9
CHOOSING, ESTIMATING = (0, 1, 2), tuple(range(1000, 1005))


CHEAP, DEAR = 4_000, 100
"""Studies of a design that is one test of a few numbers, and of one that takes the long way."""

Draw = Callable[[np.random.Generator], dict[str, bool]]


@dataclass(frozen=True)
class Design:
    """``draw`` gives counted outcomes of one study; ``asked`` bounds each one's rate.

    ``fast`` draws the same numbers and asks the test alone. ``second_stage`` marks designs that
    need the second stage or a question of the grammar, ``method`` those that compare the method
    that is used with one that is not.
    """

    what: str
    draw: Draw
    asked: dict[str, tuple[float, float]]
    studies: int = 1_000
    second_stage: bool = False
    fast: Draw | None = None
    method: bool = False


FALSE = {"false": (0.0, 0.06)}
SHOWN = {"shown": (0.9, 1.0)}
PROMISED = {"shown": (0.75, 0.85)}
"""Of studies whose lead is the least that ``--plan`` says can be shown "in four of five"."""


COVERS = {"covers": (0.9, 0.99)}
AT_LEAST = {"covers": (0.9, 1.0)}
"""Of intervals that allow for a choice, and are wide where the choice was easy."""


def noisy(
    ours: Plan, mean: Sequence[float], sigma: Any, rng: np.random.Generator, noise: str = "normal"
) -> np.ndarray:
    """An accuracy a trial."""
    return np.asarray(mean) + np.asarray(sigma) * NOISES[noise](rng, len(ours.configs))


def shown(study: Study) -> bool:
    """Whether the study's main claim is one that is shown."""
    return answer(study).verdict == "shown"


def has_stages() -> bool:
    """Whether the report at hand judges what was chosen by fresh seeds."""
    try:
        import analysis.claims.evidence  # noqa: F401
    except ImportError:
        return False
    return True
