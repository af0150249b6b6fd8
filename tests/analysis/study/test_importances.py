"""fANOVA gives the variance to the keys that made it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.study.importances import importances, key_importances


@pytest.fixture
def trials():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "status": "finished",
            "learning_rate": rng.uniform(0.1, 1, 200),
            "dims": pd.array(rng.integers(2, 5, 200), dtype="Int64"),
            "layer": rng.choice(["dense", "cp"], 200),
            "seed": 0,
        }
    )
    return frame.assign(accuracy=frame["learning_rate"] + 0.1 * frame["dims"].astype(float))


def test_the_key_that_matters_matters_most_and_noise_nothing(trials):
    frame = importances(trials, "accuracy", ["learning_rate", "dims", "layer", "seed"])
    assert frame["key"].tolist() == ["learning_rate", "dims", "layer"]
    shares = frame.set_index("key")["importance"]
    assert shares["learning_rate"] > 3 * shares["dims"] > 0
    assert shares["layer"] < 0.02
    assert shares.sum() == pytest.approx(1)


def test_it_is_the_same_every_time(trials):
    keys = ["learning_rate", "dims"]
    first, second = (importances(trials, "accuracy", keys) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_key_that_exists_for_some_trials_only_counts(trials):
    trials.loc[trials["layer"] == "dense", "dims"] = pd.NA
    trials["accuracy"] = trials["dims"].fillna(3).astype(float)
    frame = importances(trials, "accuracy", ["layer", "dims", "learning_rate"])
    assert frame["key"].iloc[0] == "dims"
    assert frame["importance"].iloc[0] > 0.4  # what the forest sees of the others' is drawn


@pytest.mark.parametrize("name", ["empty", "one", "all_failed", "half_done"])
def test_too_few_trials_give_no_rows(study, name):
    frame = key_importances(study(name))
    assert len(frame) == 0
    assert list(frame) == ["key", "importance", "values", "n"]


def test_stopped_trials_do_not_count(study):
    finished = (study("asha").trials["status"] == "finished").sum()
    assert (key_importances(study("asha"))["n"] == finished).all()


def imported_by(keys):
    """Of some large libraries, those that importances of these keys import."""
    script = (
        "import sys, pandas as pd, numpy as np; from analysis.study.importances import importances;"
        "t = pd.DataFrame({'status': 'finished', 'a': np.arange(9), 'm': np.arange(9.) ** 2});"
        f"t['b'] = t['a'] % 2; assert len(importances(t, 'm', {keys})) == {len(keys)};"
        "print(*sorted({'torch', 'ray', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_optunas_evaluator_brings_no_torch():
    assert imported_by(["a", "b"]) == ["optuna"]


def test_the_only_key_that_varies_explains_all_and_takes_no_forest(trials):
    frame = importances(trials, "accuracy", ["learning_rate", "seed"])
    assert frame[["key", "importance"]].values.tolist() == [["learning_rate", 1.0]]
    assert imported_by(["a"]) == []


@pytest.mark.parametrize("dims", [(2, 3, 4), (3,)])
def test_a_key_of_one_family_does_not_explain_what_the_family_does(dims):
    """tensor_train is better by ten points, whatever its dims; low_rank has none."""
    noise = np.random.default_rng(0).normal(0, 0.003, 100)
    points = [("low_rank", None), *(("tensor_train", value) for value in dims)]
    rows = [
        {"layer": layer, "dims": value, "rank": rank, "seed": seed, "status": "finished"}
        for layer, value in points
        for rank in (4, 8, 16, 32)
        for seed in (0, 1, 2)
    ]
    trials = pd.DataFrame(rows).astype({"dims": "Int64"})
    better = 0.1 * (trials["layer"] == "tensor_train") + 0.002 * trials["rank"]
    trials["accuracy"] = 0.8 + better + noise[: len(trials)]
    found = importances(trials, "accuracy", ["layer", "dims", "rank", "seed"]).set_index("key")
    assert found["importance"]["layer"] > 0.8
    assert ("dims" in found.index) is (len(dims) > 1)
    assert found["importance"].get("dims", 0) < 0.02
