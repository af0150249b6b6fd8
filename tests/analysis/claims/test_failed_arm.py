"""A contrast of which one arm diverges: the interval, the p-value and the words agree."""

import pytest

from analysis.claims.answers import answer
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import Fate, write_study

QUESTION = {"kind": "contrast", "key": "learning_rate", "baseline": 0.2, "treatment": 0.8}
SPACE = {
    **spaces.DECAY,
    "questions": [QUESTION],
    "keys": {
        "rank": spaces._choice(8, 16),
        "learning_rate": spaces._choice(0.2, 0.8),
    },
}
CONFIGS = [
    {"layer": "low_rank", "rank": rank, "learning_rate": rate, "epochs": 4, "seed": seed}
    for rank in (8, 16)
    for rate in (0.2, 0.8)
    for seed in range(4)
]


class Ahead(Model):
    """The higher rate is a point better, where it learns anything."""

    def draw(self, config, size, rng):
        return 0.9 + 0.01 * (config.learning_rate > 0.5) + 0.001 * rng.normal()


@pytest.mark.parametrize(("lost", "verdict"), [(4, "cannot_say"), (2, "not_shown")])
def test_an_interval_of_no_difference_holds_zero_and_runs_that_are_not_there_say_nothing(
    lost, verdict, tmp_path
):
    def fates(number):
        config = CONFIGS[number]
        fails = config["learning_rate"] > 0.5 and config["seed"] < lost
        return (Fate("diverged", 2),) if fails else (Fate(),)

    claim = answer(
        load_study(write_study(tmp_path, CONFIGS, space=SPACE, model=Ahead(), fates=fates))
    )
    assert claim.verdict == verdict
    assert "diverged or learned nothing" in claim.words
    if verdict == "not_shown":
        assert claim.p == 1
        assert claim.low < 0 < claim.high
    else:
        assert claim.words.startswith("Runs that learned something are too few to say whether")
        assert "interval" not in claim.words
