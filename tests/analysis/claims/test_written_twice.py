"""A network that a space writes in two ways is one network in every claim."""

import json
from pathlib import Path

import numpy as np

from analysis.claims.answers import answers_to
from analysis.record.rows import Alias, AnyRow
from analysis.report.provenance import provenance
from analysis.study.study import Study, load_study
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Trend
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from tests.ledger import ended_trial, write_ledger
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.second_stage import as_plan, second_stage
from tune_app.preview.promises import promise_lines

FIXED = {"dataset": "digits", "width": 8, "epochs": 2, "layer": "low_rank"}
TWICE = Key(Choice((2, 4, 100, 200)))
"""Divisors of which two leave rank 1, and so one network: three in all."""
DECAYS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def finished(question: Question, folder: Path, **keys: Key) -> Study:
    """Both stages of a study of which a network is written twice; cp networks are worse."""
    space = SearchSpace(
        name="twice", question="", source="", seeds=2, questions=(question,),
        fixed={name: value for name, value in FIXED.items() if name not in keys},
        keys=keys if {"rank_divisor", "rank"} & {*keys} else {"rank_divisor": TWICE, **keys},
    )  # fmt: skip
    plan = make_plan(RunOptions(space="twice", estimating_seeds=3), space)
    assert plan.duplicates
    choosing = _rows(plan)
    study = _written(folder / "choosing", choosing, space)
    stage = as_plan(plan, second_stage(plan, study))
    return _written(folder / "both", choosing + _rows(stage), space)


def _rows(plan: Plan) -> list[AnyRow]:
    rng = np.random.default_rng(0)
    accuracies = [
        0.9
        + 0.02 * (one.config.weight_decay == 1e-3)
        - 0.1 * (one.config.layer == "cp")
        + 0.002 * rng.normal()
        for one in plan.trials
    ]
    ended = zip(plan.trials, accuracies, strict=True)
    rows = [row for one, accuracy in ended for row in ended_trial(one, accuracy, epochs=2)]
    return rows + [Alias(one.config, one.same_as) for one in plan.duplicates]


def _written(folder: Path, rows: list[AnyRow], space: SearchSpace) -> Study:
    study = write_ledger(folder, *rows)
    (study / "study.json").write_text(json.dumps({"space": space_json(space)}), encoding="utf-8")
    return load_study(study)


def test_a_contrast_counts_a_network_that_is_written_twice_once(tmp_path: Path) -> None:
    question = Contrast("learning_rate", 0.1, 0.2)
    study = finished(question, tmp_path, learning_rate=Key(Choice((0.1, 0.2))))
    assert "n = 12 runs of 3 architectures" in answers_to(study, question)[0].words


def test_a_trend_counts_a_network_that_is_written_twice_once(tmp_path: Path) -> None:
    question = Trend("weight_decay")
    study = finished(question, tmp_path, weight_decay=Key(Choice(DECAYS), role="carried"))
    assert "n = 33 runs" in answers_to(study, question)[0].words


def test_a_carry_counts_a_network_that_is_written_twice_once(tmp_path: Path) -> None:
    question = Carry("weight_decay", "learning_rate")
    study = finished(
        question, tmp_path,
        weight_decay=Key(Choice((1e-4, 1e-3, 1e-2)), role="carried"),
        learning_rate=Key(Choice((0.1, 0.2))),
    )  # fmt: skip
    words = " ".join(claim.words for claim in answers_to(study, question))
    assert "of 3 architectures" in words


def test_a_network_is_not_compared_with_itself(tmp_path: Path) -> None:
    question = Contrast("rank_divisor", 100, 200)
    study = finished(question, tmp_path, learning_rate=Key(Choice((0.1, 0.2))))
    words = answers_to(study, question)[0].words
    assert "networks that differ in it alone are one and the same, written in two ways" in words


def test_a_key_that_leaves_a_network_as_it_is_makes_no_pair_of_it(tmp_path: Path) -> None:
    question = Contrast("weight_decay_scaling", 0.0, 1.0)
    layers = Key(Choice(("dense", "low_rank")))
    divisors = Key(Choice((2, 4)), when={"layer": ("low_rank",)})
    scalings = Key(Choice((0.0, 1.0)))
    study = finished(
        question, tmp_path, layer=layers, rank_divisor=divisors, weight_decay_scaling=scalings
    )
    assert "n = 8 runs of 2 architectures" in answers_to(study, question)[0].words


TWO_RANKS = Key(Choice((2, 4)))
RATES = Key(Choice((0.1, 0.2)), role="nuisance")


def test_arms_that_write_one_network_are_one_arm(tmp_path: Path) -> None:
    """Each was a rival of the other that nobody could ever be shown to beat, by +0.00 points."""
    question = Select("layer", within="rank")
    layers = Key(Choice(("low_rank", "tensor_train", "cp")))
    dims = Key(Choice((2,)), when={"layer": ("tensor_train", "cp")})
    study = finished(
        question, tmp_path, layer=layers, dims=dims, rank=TWO_RANKS, learning_rate=RATES
    )
    words = [claim.words for claim in answers_to(study, question)]
    assert "Best layer by rank: low_rank = tensor_train at 2, 4" in words[0]
    assert all("rivals" not in text and "+0.00" not in text for text in words)
    known = dict(provenance(study))["Trials"]
    assert known.endswith("duplicates merged (every network of tensor_train is one of low_rank)")


def test_a_budget_of_one_network_alone_is_named(tmp_path: Path) -> None:
    question = Select("layer", within="rank")
    layers = Key(Choice(("low_rank", "tensor_train")))
    dims = Key(Choice((2,)), when={"layer": ("tensor_train",)})
    study = finished(
        question, tmp_path, layer=layers, dims=dims, rank=TWO_RANKS, learning_rate=RATES
    )
    words = answers_to(study, question)[1].words
    assert words == (
        "Nothing can be said at rank 2: there is one network alone, low_rank = tensor_train."
    )


def test_families_that_write_one_network_are_no_two_units(tmp_path: Path) -> None:
    """Runs of one network, under the names of two families, made a difference look surer."""
    question = Contrast("learning_rate", 0.1, 0.2)
    layers = Key(Choice(("low_rank", "tensor_train", "cp")))
    dims = Key(Choice((2,)), when={"layer": ("tensor_train", "cp")})
    study = finished(
        question, tmp_path,
        layer=layers, dims=dims, rank=TWO_RANKS, learning_rate=Key(Choice((0.1, 0.2))),
    )  # fmt: skip
    assert "since 2 families are too few" in answers_to(study, question)[0].words


def test_a_plan_counts_arms_that_write_one_network_once() -> None:
    keys = {
        "layer": Key(Choice(("low_rank", "tensor_train", "cp"))),
        "dims": Key(Choice((2,)), when={"layer": ("tensor_train", "cp")}),
        "rank": Key(Choice((2,))),
    }
    fixed = {name: value for name, value in FIXED.items() if name != "layer"}
    space = SearchSpace(
        name="arms", question="", source="", questions=(Select("layer", within="rank"),),
        fixed=fixed, keys=keys,
    )  # fmt: skip
    (line,) = promise_lines(make_plan(RunOptions(space="arms", estimating_seeds=3), space))
    assert "rivals" not in line
