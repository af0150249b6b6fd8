"""How many trials of how many have ended, as a run tells it."""

import pytest

from tests.tune_app.workload import plan_of, some_trials


@pytest.mark.ray
def test_trials_of_another_plan_count_among_all(engine):
    for trials, told in (
        (some_trials(2), ["[1/2]", "[2/2]"]),
        (some_trials(1, width=9), ["[3/3]"]),
    ):
        engine.lines.clear()
        assert engine.run(plan_of(trials)).exit_code == 0
        ends = [line for line in engine.lines if " finished " in line and "]" in line]
        assert [line.split()[0] for line in ends] == told
