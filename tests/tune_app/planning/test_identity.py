"""What is another study, and what is growth of the same one."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from analysis.record.rows import Planned, rows_of
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from search_spaces.registry import SPACES
from tests.ledger import ended_trial, write_ledger
from trainables.config.resolution import OPTIMIZER_DEFAULTS
from trainables.config.tables import register_tables
from trainables.config.trial_id import trial_id
from trainables.data.datasets.registry import one_spelling
from tune_app.command.options import RunOptions
from tune_app.planning.identity import another_study, identity_difference, study_identity
from tune_app.planning.plan import make_plan
from tune_app.record.history import History
from tune_app.record.ledger import Ledger
from tune_app.record.paths import study_paths
from tune_app.record.study_document import StudyName
from tune_app.study.resume import borrowed_rows
from tune_app.study.study_file import study_information, write_information


@pytest.fixture(autouse=True)
def _empty_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def identity(name: str = "tensor_train", **options) -> dict:
    return study_identity(make_plan(RunOptions(space=name, **options), SPACES[name]))


@pytest.mark.parametrize(
    "growth",
    [
        {"seeds": 3},
        {"search": "random", "num_samples": 5},
        {"scheduler": "asha"},
        {"search_seed": 9},
        {"time_budget_seconds": 60.0},
        {"max_parameters": 2_000_000},
        {"settings": {"dims": (5,)}},
        {"settings": {"rank_scale": (0.33, 0.66)}},
        {"settings": {"seed": (5, 6)}},
        {"settings": {"width": (64,)}},  # the default, said aloud
        {"dataset": "cifar10"},
    ],
)
def test_growth_keeps_the_identity(growth: dict) -> None:
    assert identity_difference(identity(), identity(**growth)) == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"settings": {"epochs": (4,)}}, "epochs was 128, is 4"),
        ({"settings": {"width": (8,)}}, "width was the default, is 8"),
        ({"settings": {"schedule": (None,)}}, "schedule was cosine, is the default"),
        ({"dataset": "digits"}, "dataset was cifar10, is digits"),
    ],
)
def test_another_fixed_key_or_dataset_is_another_study(change: dict, difference: str) -> None:
    assert identity_difference(identity(), identity(**change)) == [difference]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_optimisers_own_rate_and_decay_said_aloud_are_the_same_study(optimizer: str) -> None:
    own = {name: (value,) for name, value in OPTIMIZER_DEFAULTS[optimizer].items()}
    silent = {"optimizer": (optimizer,), **dict.fromkeys(own, (None,))}
    begun = identity(settings=silent)
    assert identity_difference(begun, identity(settings={**silent, **own})) == []
    stored = {**begun, "fixed": {**begun["fixed"], "weight_decay": own["weight_decay"][0]}}
    assert identity_difference(stored, begun) == []  # as a version before wrote it


@pytest.mark.parametrize(("optimizer", "other"), [("adamw", "sgd"), ("sgd", "adamw")])
def test_the_decay_of_another_optimiser_is_another_study(optimizer: str, other: str) -> None:
    silent = {"optimizer": (optimizer,), "learning_rate": (0.01,), "weight_decay": (None,)}
    decay = OPTIMIZER_DEFAULTS[other]["weight_decay"]
    given = identity(settings={**silent, "weight_decay": (decay,)})
    (difference,) = identity_difference(identity(settings=silent), given)
    assert difference == f"weight_decay was the default, is {decay}"


def test_a_fixed_key_that_is_searched_now_widens_the_study() -> None:
    """As the ready space ``separable`` does: it compares the layer that was its only one."""
    begun = {**identity("separable"), "searched": []}
    begun["fixed"] = {**begun["fixed"], "layer": "separable"}
    assert identity_difference(begun, identity("separable")) == []
    assert identity_difference(identity("separable"), begun) != []
    (difference,) = identity_difference({**begun, "fixed": {"layer": "cp", "epochs": 3}}, begun)[1:]
    assert difference == "layer was cp, is separable"


def test_all_differences_are_named() -> None:
    assert len(identity_difference(identity(), identity(preset="quick", dataset="digits"))) == 4


def test_an_identity_survives_being_stored() -> None:
    assert json.loads(json.dumps(identity())) == identity()


def test_a_study_keeps_the_precision_that_it_began_with(tmp_path: Path) -> None:
    begun = identity()
    other = {"bf16": "fp32", "fp32": "bf16"}[begun["resolved"]["precision"]]
    begun["resolved"]["precision"] = other
    folder = tmp_path / "results" / "tensor_train"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({"identity": begun}), encoding="utf-8")
    continued = make_plan(RunOptions(space="tensor_train"), SPACES["tensor_train"])
    assert {trial.config.precision for trial in continued.trials} == {other}
    assert identity_difference(begun, study_identity(continued)) == []
    assert identity(fresh=True)["resolved"]["precision"] != other


def test_a_starting_point_is_what_its_folder_holds(tmp_path: Path) -> None:
    def started(folder: str, digest: str) -> dict:
        network = {"layer": "separable", "width": 4, "classes": 10, "dims": 3, "ranks": None}
        state = {"starting_point": network, "tensors_blake2b": digest * 32}
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        space = dataclasses.replace(SPACES["weight_decay"], keys={}, questions=(), fixed={})
        return study_identity(make_plan(RunOptions(space="", settings={"init": (folder,)}), space))

    begun = started("start", "a")
    assert identity_difference(begun, started("moved", "a")) == []
    written = {**begun, "fixed": {"init": "start"}}  # by a version that did not resolve it
    assert identity_difference(written, begun) == []
    (difference,) = identity_difference(begun, started("start", "b"))
    assert difference.startswith("init was ")
    assert "bbbb" in difference


MAKE = """
import numpy as np

def make():
    labels = np.arange(60) % 3
    images = np.arange(60 * 32 * 32 * 3).reshape(60, 32, 32, 3).astype(np.uint8)
    return (images, labels), (images[:9] // 2, labels[:9])
"""
NAMED = SearchSpace(
    name="named",
    question="Is it the same?",
    source="a test",
    estimating_seeds=0,
    fixed={"width": 8, "epochs": 1, "precision": "fp32", "layer": "dense"},
    keys={"learning_rate": Key(Choice((0.1,)))},
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    (folder / "data.py").write_text(MAKE)
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def options(tmp_path) -> RunOptions:
    return RunOptions(space="named", results_dir=tmp_path / "results", dataset="data.py:make")


def ids(plan) -> list[str]:
    return [trial.trial_id for trial in plan.trials]


def spellings(folder) -> list[str]:
    paths = ["./data.py", "sub/../data.py", folder / "data.py", folder.parent / "link" / "data.py"]
    return [f"{path}:make" for path in paths]


def test_every_path_to_a_function_names_one_trial_and_one_study(folder, options):
    plain = make_plan(options, NAMED)
    assert plain.space.fixed["dataset"] == "data.py:make"  # as it always was: its id stays
    for name in spellings(folder):
        plan = make_plan(dataclasses.replace(options, dataset=name), NAMED)
        assert ids(plan) == ids(plain), name
        assert study_identity(plan) == study_identity(plain)
    by_set = dataclasses.replace(
        options, dataset=None, settings={"dataset": (spellings(folder)[0],)}
    )
    assert ids(make_plan(by_set, NAMED)) == ids(plain)


def test_a_study_goes_on_with_the_spelling_that_it_began_with(folder, options, monkeypatch):
    before = str(folder / "data.py:make")
    plan = make_plan(options, NAMED)
    (trial,) = plan.trials
    paths = study_paths(options, NAMED.name)
    identity = {**study_identity(plan), "dataset": before}
    with Ledger(paths.folder, study_id="a1"):
        pass
    information = study_information(plan, options, "named", StudyName("a1", "named-a1"), identity)
    write_information(paths.study, information)
    for name in ["data.py:make", *spellings(folder)]:
        asked = dataclasses.replace(options, dataset=name)
        again = make_plan(asked, NAMED)
        assert [one.config.dataset for one in again.trials] == [before]
        assert another_study(paths, again, asked) == []
    fresh = make_plan(dataclasses.replace(options, fresh=True), NAMED)
    assert [one.trial_id for one in fresh.trials] == [trial.trial_id]


@pytest.mark.parametrize("move", [False, True])
def test_from_another_folder_a_study_goes_on_with_its_function(folder, options, monkeypatch, move):
    plan = make_plan(options, NAMED)
    paths = study_paths(options, NAMED.name)
    write_ledger(paths.folder, *(row for one in plan.trials for row in ended_trial(one, 0.5)))
    identity = study_identity(plan)
    information = study_information(plan, options, "named", StudyName("a1", "named"), identity)
    write_information(paths.study, information)
    path = (folder / "data.py").rename(folder / "sub" / "moved.py") if move else folder / "data.py"
    monkeypatch.chdir(folder / "sub")
    asked = dataclasses.replace(options, dataset=f"{path}:make")
    again = make_plan(asked, NAMED)
    assert (ids(again), another_study(paths, again, asked)) == (ids(plan), [])
    reusing = make_plan(dataclasses.replace(asked, name="other"), NAMED)
    rows = borrowed_rows(reusing, History(), [paths.folder])
    assert {row.trial_id for row in rows} == set(ids(reusing))
    assert {row.config["dataset"] for row in rows_of(rows, Planned)} != {"data.py:make"}
    path.write_text(MAKE.replace("// 2", "// 4"))
    (_, difference, *_) = another_study(paths, make_plan(asked, NAMED), asked)
    assert difference.startswith("  content of the data was ")


def test_a_network_that_a_study_wrote_with_a_default_is_known_to_others(folder, options):
    network = {"network": ("wrn-10-1(dropout=0)",), "width": (None,)}
    asked = dataclasses.replace(options, settings=network)
    (trial,) = make_plan(asked, NAMED).trials
    assert trial.config.network.startswith("wrn-10-1#")
    table = dataclasses.replace(
        trial.config.table, network="wrn-10-1(dropout=0)", arguments={"dropout": 0}, defaults={}
    )
    register_tables([table.to_json()])
    config = trial.config.with_values(network=f"{table.network}#{table.digest}")  # as it once was
    name = trial_id(config, config.network_size())
    former = dataclasses.replace(trial, trial_id=name, config=config)
    assert former.trial_id != trial.trial_id
    paths = study_paths(asked, NAMED.name)
    write_ledger(paths.folder, *ended_trial(former, 0.5))
    assert ids(make_plan(asked, NAMED)) == [former.trial_id]
    reusing = make_plan(dataclasses.replace(asked, name="other"), NAMED)
    rows = borrowed_rows(reusing, History(), [paths.folder])
    assert {row.trial_id for row in rows} == set(ids(reusing)) == {trial.trial_id}


def test_another_study_reuses_torchvisions_images_however_it_wrote_them(options):
    name = "torchvision:FakeData(image_size=(3, 8, 8), num_classes=2, size=40)"
    fake = dataclasses.replace(options, dataset=name, settings={"batch_size": (8,)})
    (trial,) = make_plan(fake, NAMED).trials
    config = dataclasses.replace(trial.config, dataset=name.replace(", ", " ,"))  # as it once was
    former = dataclasses.replace(trial, trial_id=trial_id(config, trial.size), config=config)
    paths = study_paths(fake, NAMED.name)
    write_ledger(paths.folder, *ended_trial(former, 0.5))
    assert ids(make_plan(fake, NAMED)) == [former.trial_id] != [trial.trial_id]
    reusing = make_plan(dataclasses.replace(fake, name="other"), NAMED)
    rows = borrowed_rows(reusing, History(), [paths.folder])
    assert {row.trial_id for row in rows} == {trial.trial_id}


def test_what_is_no_file_of_the_present_folder_stays_as_it_is_written(folder, monkeypatch):
    for name in ("digits", "folder", "torchvision:MNIST", "absent.py:make", "./absent.py:make"):
        assert one_spelling(name) == name
    (folder / "sub" / "other.py").symlink_to(
        folder / "data.py"
    )  # it may import what lies beside it
    assert one_spelling("./sub/other.py:make") == "sub/other.py:make"
    monkeypatch.chdir(folder / "sub")
    assert one_spelling("../data.py:make") == f"{os.path.realpath(folder)}/data.py:make"


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ('torchvision:EMNIST( split = "balanced" )', "torchvision:EMNIST(split='balanced')"),
        ("torchvision:CIFAR100()", "torchvision:CIFAR100"),
        ("torchvision:FakeData(size=9, num_classes=10)", "torchvision:FakeData(size=9)"),
        ("torchvision:FakeData(size=9,image_size=[8, 8])", None),
        ("torchvision:GTSRB(split='train')", "torchvision:GTSRB(split='train')"),  # no test part
        ("data.py:make()", "data.py:make"),
    ],
)
def test_arguments_of_a_data_set_are_written_in_one_way(folder, spelled, name):
    wanted = name or "torchvision:FakeData(image_size=[8, 8], size=9)"
    assert one_spelling(spelled) == one_spelling(wanted) == wanted
