"""Whether a trial that ASHA stopped would have won, by a study that let every trial finish."""

from __future__ import annotations

import json
import shutil

import pytest

from analysis.charts import rungs
from analysis.charts.figure import draw
from analysis.commands.compare import comparison_text
from analysis.study.compare import compare, differences
from analysis.study.matching_trials import matching_trials, would_have_won
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import Fate, write_study

CONFIGS = [
    {"layer": "low_rank", "rank": rank, "seed": seed} for rank in (8, 9) for seed in range(12)
]


def raced(folder, **options):
    """Twenty-four trials of nearly one size; two thirds are stopped after three epochs."""
    return write_study(
        folder, CONFIGS, space=spaces.FAMILIES, model=Model(noise=0.01), rungs=(3,), **options
    )


def complete(folder, configs=CONFIGS):
    """The same trials, all run to their end."""
    return write_study(folder, configs, space=spaces.FAMILIES, model=Model(noise=0.01))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with the study ``asha`` and its complete twin ``whole``."""
    root = tmp_path_factory.mktemp("results")
    raced(root / "asha")
    complete(root / "whole")
    return root


def test_a_stopped_trial_whose_twin_is_better_than_the_winner_would_have_won(results):
    asha, whole = load_study(results / "asha"), load_study(results / "whole")
    frame = would_have_won(asha, whole).set_index("trial_id")
    trials = asha.trials.set_index("trial_id")
    reached = whole.trials.set_index("trial_id")["val_accuracy_last"]
    stopped = trials.index[trials["status"] == "stopped"]
    best = trials.loc[trials["status"] == "finished", "val_accuracy_last"].max()
    assert set(frame.index) == set(stopped)
    expected = {name for name in stopped if reached[name] > best}
    assert set(frame.index[frame["won"]]) == expected
    assert 0 < len(expected) < len(stopped)
    assert (frame["stopped_at"] == 3).all()


def test_the_chart_of_rungs_rings_them_and_says_how_many(results):
    asha = load_study(results / "asha")
    frame, known = rungs.rungs(asha), matching_trials(asha)
    won = known[known["won"]]
    ringed = frame[frame["won"]]
    assert set(ringed["trial_id"]) == set(won["trial_id"])
    assert set(ringed["fate"]) == {"stopped"}
    assert rungs.WON in json.dumps(draw(asha, "rungs").to_dict())
    top, best = 100 * known["twin_accuracy"].max(), 100 * known["best"].iloc[0]
    assert rungs.caption(frame).endswith(
        f" {len(known)} of the {len(known)} stopped trials ran to the end in whole: {len(won)}"
        f" (ringed) would have won; the best of them reached {top:.2f} %, and the best"
        f" here {best:.2f} %."
    )


def test_where_no_stopped_trial_would_have_won_nothing_is_ringed(results, tmp_path):
    asha = load_study(raced(tmp_path / "asha"))
    losers = set(would_have_won(asha, load_study(results / "whole")).query("not won")["trial_id"])
    named = {trial.trial_id: (trial.rank, trial.seed) for trial in asha.trials.itertuples()}
    kept = {named[name] for name in losers}
    complete(tmp_path / "some", [one for one in CONFIGS if (one["rank"], one["seed"]) in kept])
    frame = rungs.rungs(load_study(tmp_path / "asha"))
    assert not frame["won"].any()
    assert rungs.WON not in json.dumps(draw(asha, "rungs").to_dict())
    assert f" {len(kept)} of the " in rungs.caption(frame)
    assert ": none would have won; the best of them reached " in rungs.caption(frame)


def test_trials_on_other_data_are_no_twins(results, tmp_path):
    shutil.copytree(results / "asha", tmp_path / "asha")
    other = shutil.copytree(results / "whole", tmp_path / "whole") / "study.json"
    info = json.loads(other.read_text())
    other.write_text(json.dumps(info | {"dataset": {"name": "digits", "checksum": "sha256:1"}}))
    asha = load_study(tmp_path / "asha")
    assert matching_trials(asha).empty
    assert "would have won" not in rungs.caption(rungs.rungs(asha))


def test_a_twin_that_cannot_be_read_is_passed_over(results, tmp_path):
    for name in ("asha", "whole"):
        shutil.copytree(results / name, tmp_path / name)
    broken = shutil.copytree(results / "whole", tmp_path / "broken")
    (broken / "ledger.jsonl").write_bytes(b'{"type":"opened","format":99,"name":"x","time":1}\n')
    assert set(matching_trials(load_study(tmp_path / "asha"))["twin_study"]) == {"whole"}


def test_where_nothing_has_finished_there_is_nothing_to_win_against(results, tmp_path):
    configs = CONFIGS[:4]
    stopped = write_study(
        tmp_path / "asha", configs, space=spaces.FAMILIES, fates=lambda trial: (Fate("stopped", 3),)
    )
    assert would_have_won(load_study(stopped), load_study(results / "whole")).empty


def test_a_comparison_of_the_two_says_so(results):
    asha, whole = load_study(results / "asha"), load_study(results / "whole")
    text = comparison_text(asha, whole, compare(asha, whole), differences(asha, whole))
    frame = would_have_won(asha, whole)
    assert (
        f"{len(frame)} trials stopped in a and finished in b: {frame['won'].sum()} of them" in text
    )
