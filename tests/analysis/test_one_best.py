"""Terminal, status, best, report and confirmation name one best, on studies where that is hard."""

import json

import pandas as pd
import pytest

from analysis.claims.answers import best_claim
from analysis.commands.best import copy_best
from analysis.commands.status import status_text
from analysis.record.record import RecordError, read_record
from analysis.report.content import content
from analysis.study.best import (
    allowed,
    best_configuration,
    best_of_configuration,
    contenders,
)
from analysis.study.configurations import configuration_ids
from analysis.study.replicates import pareto_front, replicates
from analysis.study.status import study_status
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import Fate, write_study
from tests.analysis.studies import best_trial
from trainables.files.sealed import file_digest
from tune_app.record.history import History, best_on_record
from tune_app.session.progress_display import ProgressDisplay
from tune_app.study.retention import surplus

RANKS = (8, 16, 32)


def configs(seeds, ranks=RANKS):
    return [
        {"layer": "low_rank", "rank": rank, "epochs": 4, "seed": seed}
        for rank in ranks
        for seed in seeds
    ]


class Fixed(Model):
    """Accuracies by rank and seed, to the last digit."""

    def __init__(self, values):
        object.__setattr__(self, "values", values)

    def draw(self, config, size, rng):
        return self.values(config.rank, config.seed)


class ByRate(Model):
    """Of rank 8 the lower learning rate has the higher mean, the other the higher run."""

    def draw(self, config, size, rng):
        if config.rank == 16:
            return 0.96
        return 0.9 if config.learning_rate == 0.1 else (0.95, 0.8)[config.seed]


LOST = Fate("failed", 3, "lost_node", "the node went away")
HARD = {
    "equal means, another size": (configs((0, 1)), Fixed(lambda rank, seed: 0.9), None),
    "equal runs, recorded in another order than their seeds": (
        configs((1, 0)),
        Fixed(lambda rank, seed: 0.9),
        None,
    ),
    "one lucky seed against two good ones": (
        [*configs((0, 1, 2), (8, 16)), *configs((0,), (32,))],
        Fixed(lambda rank, seed: 0.95 if rank == 32 else 0.9 - rank / 1000),
        None,
    ),
    "the highest run is not of the highest mean": (
        configs((0, 1)),
        Fixed(lambda rank, seed: {8: 0.90, 16: 0.92 - 0.1 * seed, 32: 0.89}[rank]),
        None,
    ),
    "a diverged run counts at chance": (
        configs((0, 1)),
        Fixed(lambda rank, seed: 0.8 + rank / 1000),
        lambda number: (Fate("diverged", 2),) if number == 5 else (Fate(),),
    ),
    "what was chosen is judged by fresh seeds": (
        [*configs((0, 1)), *configs((1000, 1001), (8, 16))],
        Fixed(lambda rank, seed: {8: 0.90, 16: 0.89, 32: 0.93}[rank] + (seed < 1000) * 0.02),
        None,
    ),
    "a run that learned nothing counts at chance": (
        configs((0, 1), (8, 16)),
        Fixed(lambda rank, seed: 0.5245 if rank == 8 else (0.945, 0.105)[seed]),
        None,
    ),
    "equal means, equal size, estimated in another order": (
        [
            {"layer": "low_rank", "rank": 8, "learning_rate": rate, "epochs": 4, "seed": seed}
            for rates, seeds in (((0.1, 0.2), (0, 1)), ((0.2, 0.1), (1000, 1001)))
            for rate in rates
            for seed in seeds
        ],
        Fixed(lambda rank, seed: 0.9),
        None,
    ),
    "a machine lost two of three seeds of the highest": (
        configs((0, 1, 2)),
        Fixed(lambda rank, seed: 0.8 + rank / 1000),
        lambda number: (LOST,) if number in (7, 8) else (Fate(),),
    ),
    "all estimating seeds of one were lost": (
        [*configs((0, 1)), *configs((1000, 1001), (8, 32))],
        Fixed(lambda rank, seed: 0.8 + rank / 1000),
        lambda number: (LOST,) if number in (8, 9) else (Fate(),),
    ),
    "the chosen diverged on an estimating seed": (
        [*configs((0, 1)), *configs((1000, 1001), (8, 32))],
        Fixed(lambda rank, seed: 0.8 + rank / 1000),
        lambda number: (Fate("diverged", 2),) if number == 8 else (Fate(),),
    ),
    "nothing learned anything": (configs((0, 1)), Fixed(lambda rank, seed: 0.105), None),
    "one trial": (configs((0,), (16,)), Fixed(lambda rank, seed: 0.9), None),
    "all but one run diverged": (
        configs((0, 1), (8, 16)),
        Fixed(lambda rank, seed: 0.3),
        lambda number: (Fate(),) if number == 3 else (Fate("diverged", 2),),
    ),
    "under a limit the highest run is not of the highest mean": (
        [
            {"layer": "low_rank", "rank": rank, "learning_rate": rate, "epochs": 4, "seed": seed}
            for rank, rate in ((8, 0.1), (8, 0.2), (16, 0.1))
            for seed in (0, 1)
        ],
        ByRate(),
        None,
    ),
    "the second stage has begun": (
        [*configs((0, 1)), *configs((1000,), (8,)), *configs((1000, 1001), (16,))],
        Fixed(lambda rank, seed: {8: 0.9, 16: 0.89, 32: 0.95}[rank]),
        None,
    ),
    "few runs of the highest of its size, many of a worse one elsewhere": (
        [*configs((0,), (8,)), *configs((0, 1), (16,)), *configs((0, 1, 2), (32,))],
        Fixed(lambda rank, seed: {8: 0.95, 16: 0.90, 32: 0.5}[rank]),
        None,
    ),
    "a network of two families": (
        [
            {"layer": layer, **more, "rank": rank, "epochs": 4, "seed": seed}
            for layer, more in (("tensor_train", {"dims": 2}), ("low_rank", {}))
            for rank in (8, 16)
            for seed in (0, 1)
        ],
        Fixed(lambda rank, seed: 0.8 + rank / 1000),
        None,
    ),
}
BEST = {
    "equal means, another size": 8,
    "equal runs, recorded in another order than their seeds": 8,
    "one lucky seed against two good ones": 8,
    "the highest run is not of the highest mean": 8,
    "a diverged run counts at chance": 16,
    "what was chosen is judged by fresh seeds": 8,
    "a run that learned nothing counts at chance": 8,
    "equal means, equal size, estimated in another order": 8,
    "a machine lost two of three seeds of the highest": 16,
    "all estimating seeds of one were lost": 8,
    "the chosen diverged on an estimating seed": 8,
    "nothing learned anything": 8,
    "one trial": 16,
    "all but one run diverged": 16,
    "under a limit the highest run is not of the highest mean": 16,
    "the second stage has begun": 8,
    "few runs of the highest of its size, many of a worse one elsewhere": 16,
    "a network of two families": 16,
}


LIMITED = {"a larger network is on record from before a limit": 8}
"""The most parameters come from ``--max-parameters``, which the study was last given."""
HARD |= {
    name: (configs((0, 1)), Fixed(lambda rank, seed: 0.8 + rank / 1000), None) for name in LIMITED
}
BEST |= LIMITED


@pytest.mark.parametrize("name", HARD)
def test_every_place_names_one_best(name, tmp_path):
    plan, model, fates = HARD[name]
    more = {"fates": fates} if fates else {}
    study = load_study(
        write_study(tmp_path / "study", plan, space=spaces.FAMILIES, model=model, **more)
    )
    limits = {}
    if name in LIMITED:
        limits = {"parameters": int(study.trials["parameters"].min())}
        document = json.loads((study.folder / "study.json").read_text())
        document["options"] = {"max_parameters": limits["parameters"]}
        (study.folder / "study.json").write_text(json.dumps(document))
        study = load_study(study.folder)
    best = best_configuration(study)
    assert best["rank"] == BEST[name]
    status = study_status(study)
    trial = study.trials[study.trials["trial_id"] == status.best["trial_id"]]
    assert configuration_ids(trial).iloc[0] == best["configuration"]
    assert status.best["label"] == best["label"]
    assert f"{100 * best['mean']:.2f} %" in status_text(status)
    own = f"{100 * trial[study.metric].iloc[0]:.2f} %"
    assert own in status_text(status)
    assert (f"mean of {best['n']} runs" in status_text(status)) == (
        best["n"] > 1 and name != "nothing learned anything"
    )
    assert ("learned nothing" in status_text(status)) == (name == "nothing learned anything")
    claim = best_claim(study)
    assert f"{best['label']} (" in claim.words
    assert f"{100 * best['mean']:.2f} %" in claim.words
    assert claim.words.startswith("Nothing can be said, since all runs of the best") == (
        name == "nothing learned anything"
    )
    page = content(study, [])
    fact = next(one for one in page["facts"] if one.name.startswith("Best"))
    assert fact.value == f"{100 * best['mean']:.2f} %"
    row = next(one for one in page["best"] if one["label"] == best["label"])
    assert row["accuracy"] == fact.value
    assert row["interval"] in claim.words
    assert row["interval"] in fact.note
    competing = contenders(allowed(study, replicates(study)))
    assert competing.iloc[0]["configuration"] == best["configuration"]
    assert max(row["parameters"] for row in page["best"]) == row["parameters"] or not limits
    history = History(read_record(study.folder, rates=False).rows)
    accuracy, terminal = best_on_record(history, limits)
    assert ProgressDisplay(history, planned=9, limits=limits).best() == (accuracy, terminal)
    assert terminal == status.best["trial_id"]
    assert accuracy == pytest.approx(best["mean"])
    kept = set(history.trials) - set(surplus(history, "front", limits))
    sizes = allowed(study, replicates(study))["parameters"]
    assert {best_trial(study, int(size))["trial_id"] for size in sizes} <= kept
    front = pareto_front(study)
    best_runs = front["configuration"].map(
        lambda one: best_of_configuration(study, one)["trial_id"]
    )
    points = pd.Series(zip(front["parameters"], front["mean"], strict=True))  # equal ones may go
    assert set(points[front["on_front"]]) <= set(points[pd.Series(best_runs).isin(kept)])
    checkpoint = study.folder / "checkpoints" / terminal / "e4-a1"
    checkpoint.mkdir(parents=True)
    (checkpoint / "tensors").touch()
    state = {"tensors": "tensors", "tensors_blake2b": file_digest(checkpoint / "tensors")}
    (checkpoint / "state.json").write_text(json.dumps(state))
    said, _ = copy_best(study, tmp_path / "best")
    assert said.startswith(f"{terminal} ({own} {study.metric}")
    assert (f"{best['n']} runs, whose mean is {100 * best['mean']:.2f} %" in said) == (
        best["n"] > 1
    )
    copied = json.loads((tmp_path / "best" / "config.json").read_text())
    assert (copied["rank"], copied["seed"]) == (BEST[name], int(trial["seed"].iloc[0]))


def test_where_all_diverged_every_place_says_that_there_is_no_best(tmp_path):
    folder = write_study(
        tmp_path / "study", configs((0, 1)), space=spaces.FAMILIES, model=HARD["one trial"][1],
        fates=lambda number: (Fate("diverged", 2),),
    )  # fmt: skip
    study = load_study(folder)
    assert study_status(study).best is None
    assert "\nbest" not in status_text(study_status(study))
    claim = best_claim(study)
    assert (claim.verdict, claim.words) == (
        "cannot_say", "Nothing can be said: no trial has finished (6 diverged).",
    )  # fmt: skip
    assert not content(study, [])["best"]
    assert best_on_record(History(read_record(folder, rates=False).rows)) == (0.0, "")
    with pytest.raises(RecordError, match="has no best trial: none has finished"):
        copy_best(study, tmp_path / "best")
