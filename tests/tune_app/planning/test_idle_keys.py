"""A key or an objective that was given and counts in no trial is told, and no other."""

import json

import pytest

from search_spaces.registry import SPACES
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan
from tune_app.preview.plan_json import plan_json
from tune_app.preview.progress import StudyProgress


@pytest.fixture(autouse=True)
def _empty_results(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(space: str, settings: dict | None = None, **options) -> Plan:
    settings = {name: (value,) for name, value in (settings or {}).items()}
    return make_plan(RunOptions(space=space, settings=settings, **options), SPACES[space])


def idle(made: Plan) -> list[str]:
    return [note.partition(" has no effect")[0] for note in made.notes if "no effect" in note]


@pytest.mark.parametrize(
    ("space", "settings"),
    [
        ("low_rank", {"dims": 2}),
        ("low_rank", {"dims": 3}),  # the default
        ("separable", {"dims": 4}),
        ("tucker", {"budget_side": "above"}),
        ("dense", {"weight_decay_reference": "separable"}),
        ("cp", {"weight_decay_ratio": "layer"}),
        ("quickstart", {"resize": "pad"}),
        ("weight_decay", {"dims": 3}),
    ],
)
def test_a_key_that_counts_in_no_trial_is_told(space, settings):
    (name, value), *_ = settings.items()
    assert idle(plan(space, settings)) == [f"{name}={value}"]


def test_so_is_a_seed_of_the_split_where_nothing_is_drawn():
    assert idle(plan("quickstart", {"validation_images": 0, "data_seed": 3})) == ["data_seed=3"]
    drawn = {"validation_images": 0, "data_seed": 3, "train_images": 100}
    assert idle(plan("quickstart", drawn)) == []
    assert idle(plan("quickstart", {"data_seed": 3})) == []


@pytest.mark.parametrize("name", SPACES)
def test_no_ready_space_fixes_such_a_key(name):
    assert idle(plan(name)) == idle(plan(name, preset="quick")) == []


@pytest.mark.parametrize(
    ("space", "settings"),
    [
        ("tucker", {"dims": 2}),
        ("equal_budget", {"dims": 3}),
        ("low_rank", {"weight_decay_ratio": "layer"}),
    ],
)
def test_a_key_that_counts_in_some_trials_is_not(space, settings):
    assert idle(plan(space, settings)) == []


def test_objectives_that_nothing_looks_at_are_told():
    several = ("val_accuracy", "parameters")
    for search in ("grid", "random"):
        noted = idle(plan("weight_decay", search=search, objective=several))
        assert noted == ["--objective val_accuracy,parameters"]
    assert idle(plan("weight_decay", search="optuna", objective=several)) == []
    assert idle(plan("weight_decay", scheduler="asha", objective=several)) == []
    assert idle(plan("weight_decay")) == []


def test_programs_read_what_a_person_is_told():
    made = plan("low_rank", {"dims": 2})
    assert json.loads(plan_json(made, StudyProgress()))["notes"] == list(made.notes)
