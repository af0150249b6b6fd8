"""A confirmation says what the search had promised, and whether that was kept."""

import json

import numpy as np
import pytest

from analysis.claims.answers import answer, claims
from analysis.claims.arm import Arm
from analysis.claims.promises import kept
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import write_study

RANKS = (8, 16)


class Promised(Model):
    """The same accuracy in both studies, but that rank 8 loses five points on the test set."""

    def draw(self, config, size, rng):
        lost = 0.05 * (config.rank == 8 and config.validation_images == 0)
        return 0.8 + config.rank / 1000 - lost + 0.001 * (config.seed % 3)


@pytest.fixture
def confirmation(tmp_path):
    def configs(seeds, **more):
        return [
            {"layer": "low_rank", "rank": rank, "epochs": 2, "seed": seed, **more}
            for rank in RANKS
            for seed in seeds
        ]

    searched = [*configs((0, 1)), *[one for one in configs(range(1000, 1005)) if one["rank"] == 16]]
    found, folder = tmp_path / "found", tmp_path / "found-confirm"
    write_study(found, searched, space=spaces.FAMILIES, model=Promised())
    space = {**spaces.FAMILIES, "questions": [], "contrast": None}
    fresh = configs(range(1005, 1010), validation_images=0)
    write_study(folder, fresh, space=space, model=Promised())
    images = {"name": "cifar10", "train_images": 50_000, "test_images": 10_000}
    for study, options in ((found, {}), (folder, {"confirm": 5})):
        document = json.loads((study / "study.json").read_text())
        document |= {"options": options, "dataset": images}
        (study / "study.json").write_text(json.dumps(document))
    return load_study(folder)


def test_the_answer_names_what_was_promised_of_the_best(confirmation):
    said = answer(confirmation)
    assert said.words.startswith("low_rank rank 16 (")
    assert "81.28 % test accuracy (95 % interval" in said.words
    assert "found promised 81.72 % validation accuracy (n = 5 fresh seeds): -0.44" in said.words
    assert said.verdict == "not_shown"


def test_what_is_lost_against_the_promise_is_shown(confirmation):
    lost = next(one for one in claims(confirmation) if one.words.startswith("low_rank rank 8 ("))
    assert "found promised 80.85 % validation accuracy (n = 2): -5.37 points" in lost.words
    assert lost.effect < -0.04
    assert lost.verdict == "shown"
    assert "less than promised" in lost.words


def test_the_choice_of_images_counts_since_both_are_measured_on_others():
    runs = np.array([0.9, 0.901, 0.899])
    arm = Arm("a", 1, runs, runs, 3)
    pair = [(arm.raised(0.03), arm)]
    (few,), (many,) = (kept(pair, (images, images)) for images in (143, 50_000))
    assert few.p > 0.3
    assert many.p < 0.001
    one = Arm("b", 1, runs[:1], runs[:1], 3)
    assert np.isnan(kept([(one, arm)], (143, 143))[0].p)


def test_two_runs_that_agree_by_chance_are_judged_by_the_spread_of_all_networks():
    def runs(*values):
        return Arm("a", 1, np.array(values), np.array(values), len(values))

    fresh = runs(0.87, 0.9, 0.88, 0.91, 0.89)
    agreeing = runs(0.92, 0.922)
    others = [runs(0.86, 0.91 + number / 100) for number in range(4)]
    alone = kept([(fresh, agreeing)], (50_000, 50_000))[0]
    among = kept([(fresh, one) for one in (agreeing, *others)], (50_000, 50_000))[0]
    assert alone.p < 0.05 < among.p
    assert among.effect == alone.effect
