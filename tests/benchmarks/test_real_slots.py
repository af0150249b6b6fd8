"""When every slot of a load test trains at once."""

import pytest

from analysis.record.rows import Ended, Started
from analysis.record.status import TrialStatus
from benchmarks.load.real_slots import filled_at


def started(trial: str, time: float) -> Started:
    return Started(trial, 1, time)


def ended(trial: str, time: float) -> Ended:
    return Ended(trial, 1, time, TrialStatus.FINISHED, 5)


def test_slots_are_filled_once_as_many_trials_run_as_there_are_slots():
    rows = [started("a", 1), ended("a", 4), started("b", 5), started("c", 6), ended("b", 9)]
    assert filled_at(rows, 2) == 6
    with pytest.raises(RuntimeError, match="at most 2 of 3 slots"):
        filled_at(rows, 3)
