"""A study goes on with its own images, its own keys and its own checkpoints, or is refused."""

import json
import shutil
from pathlib import Path

import pytest

import run_tune
from analysis.record.record import encode, read_record
from analysis.record.rows import Ended, Opened
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from tests.ledger import write_ledger
from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, some_trials, space
from tests.tune_app.workload import planned as planned_trial
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.engine.workload import Workload
from tune_app.planning.identity import recipe_difference, study_difference, study_identity
from tune_app.planning.plan import make_plan
from tune_app.planning.rows import planned_row
from tune_app.record.history import History
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.record.study_document import (
    StudyName,
    planned_trials,
    read_information,
    stored_name,
)
from tune_app.study.provenance import changed_conditions, earlier_conditions
from tune_app.study.resume import borrowed_rows
from tune_app.study.same_data import check_data
from tune_app.study.storage_owner import is_copy, take_storage
from tune_app.study.study_file import environment, write_information

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "before_rooms"


@pytest.fixture
def images(tmp_path) -> tuple[Path, Path]:
    """Two folders with equal counts and names; in the second the labels of two classes swap."""
    own, swapped = tmp_path / "own", tmp_path / "swapped"
    for folder in (own, swapped):
        shutil.copytree(FIXTURES / "images", folder)
    first, second, *_ = sorted(path.name for path in (own / "train").iterdir())
    for part in ("train", "test"):
        (swapped / part / first).rename(swapped / part / "between")
        (swapped / part / second).rename(swapped / part / first)
        (swapped / part / "between").rename(swapped / part / second)
    return own, swapped


def planned(tmp_path, data_dir):
    options = RunOptions(
        space="quickstart", dataset="folder", data_dir=data_dir, results_dir=tmp_path, name="study"
    )
    return options, make_plan(options, run_tune.get_space("quickstart"))


def begin(tmp_path, options, plan, *, document=True) -> StudyPaths:
    paths = study_paths(options, plan.space.name)
    write_ledger(paths.folder, *(planned_row(trial, time=0.0) for trial in plan.trials))
    if document:
        about = {"identity": study_identity(plan), "options": {"data_dir": str(options.data_dir)}}
        write_information(paths.study, about)
    return paths


def test_swapped_labels_are_other_trials_and_another_study(tmp_path, images):
    (options, plan), (other_options, other) = (planned(tmp_path, folder) for folder in images)
    ids = [{trial.trial_id for trial in one.trials} for one in (plan, other)]
    assert len(ids[0]) == len(ids[1])
    assert ids[0].isdisjoint(ids[1])
    paths = begin(tmp_path, options, plan)
    assert study_difference(paths, plan, options) == []
    (difference,) = study_difference(paths, other, other_options)
    for folder in images:
        assert str(folder) in difference


def test_the_same_images_elsewhere_are_the_same_trials(tmp_path, images):
    shutil.copytree(images[0], tmp_path / "copy")
    plans = [planned(tmp_path, folder)[1] for folder in (images[0], tmp_path / "copy")]
    assert plans[0].trials == plans[1].trials


def test_a_ready_data_set_has_no_digest(tmp_path):
    options = RunOptions(space="quickstart", results_dir=tmp_path)
    plan = make_plan(options, run_tune.get_space("quickstart"))
    assert {trial.config.data_digest for trial in plan.trials} == {""}


def test_a_study_of_before_keeps_its_ids_and_refuses_other_images(tmp_path, images):
    name = "before_rooms_folder"
    shutil.copytree(FIXTURES / name, tmp_path / name)
    paths = StudyPaths(tmp_path / name)
    checksum = json.loads(paths.study.read_text())["dataset"]["checksum"]
    options = RunOptions(space="x", data_dir=images[1])
    same = Workload("x", dataset={"name": "folder", "checksum": checksum})
    check_data(plan_of([]), options, paths, [], same)
    other = Workload("x", dataset={"name": "folder", "checksum": "f" * 32})
    with pytest.raises(UsageError) as caught:
        check_data(plan_of([]), options, paths, [], other)
    (problem,) = caught.value.problems
    assert checksum[:8] in problem
    assert "ffffffff" in problem
    assert str(images[1]) in problem


@pytest.mark.parametrize("damage", [None, "", "{", "[]", '{"identity": 3}', '{"name": "study"}'])
def test_without_its_document_a_study_is_what_its_ledger_says(tmp_path, damage):
    options = RunOptions(space="scripted", results_dir=tmp_path, name="study")
    trials = some_trials(2)
    paths = begin(tmp_path, options, plan_of(trials), document=False)
    if damage is not None:
        paths.study.write_text(damage)
    assert study_difference(paths, plan_of(trials), options) == []
    other = space(fixed={"layer": "low_rank", "rank": 4, "width": 16, "epochs": 3})
    differences = study_difference(paths, plan_of(trials, space=other), options)
    assert differences == ["epochs was 9, is 3", "width was 8, is 16"]


@pytest.mark.parametrize(
    "entry", [{"commands": 3}, {"networks": [{}]}, {"dataset": {"checksum": 3}}]
)
def test_a_document_that_cannot_be_gone_on_with_is_damaged(tmp_path, entry):
    write_information(tmp_path / "study.json", {"id": "a1", **entry})
    assert read_information(tmp_path / "study.json") is None


def test_without_its_document_a_study_of_another_recipe_is_another(tmp_path):
    """Averaged, its trials and today's would be two seeds of one configuration."""
    options = RunOptions(space="scripted", results_dir=tmp_path, name="study")
    trials = some_trials(2)
    paths = begin(tmp_path, options, plan_of(trials), document=False)
    today = trials[0].trial_id
    other = f"{today[:-10]}0123456789"
    paths.ledger.write_text(paths.ledger.read_text().replace(today, other))
    (difference,) = study_difference(paths, plan_of(trials), options)
    assert difference == f"recipe version was another than 1: {other} would now be {today}"


@pytest.mark.parametrize(
    "study", sorted(FIXTURES.glob("*/ledger.jsonl")), ids=lambda one: one.parent.name
)
def test_a_study_of_before_without_its_document_is_of_this_recipe(study):
    plan = plan_of([])
    assert recipe_difference(planned_trials(StudyPaths(study.parent)), plan) == []


def test_the_document_of_another_study_hides_no_difference(tmp_path):
    """As of a backup that went into the wrong folder."""
    options = RunOptions(space="scripted", results_dir=tmp_path, name="study")
    trials = some_trials(2)
    wider = plan_of(some_trials(1, width=16), space=space(fixed={**space().fixed, "width": 16}))
    paths = begin(tmp_path, options, plan_of(trials), document=False)
    rows = [Opened(1, "study", 0.0, "a1"), *(planned_row(trial, time=0.0) for trial in trials)]
    paths.ledger.write_bytes(encode(rows))
    for study_id, differences in (("a1", []), ("b2", ["width was 8, is 16"])):
        write_information(paths.study, {"id": study_id, "identity": study_identity(wider)})
        assert study_difference(paths, wider, options) == differences


def test_defaults_that_follow_from_other_keys_are_no_difference(tmp_path):
    """AdamW has a rate of its own where the space names none."""
    keys = {"label_smoothing": Key(Choice((0.0, 0.1)))}
    asked = space(keys=keys, fixed={"layer": "dense", "width": 4, "optimizer": "adamw"})
    options = RunOptions(space="", dataset="digits", results_dir=tmp_path, name="study")
    plan = make_plan(options, asked)
    paths = begin(tmp_path, options, plan, document=False)
    assert study_difference(paths, plan, options) == []


def test_a_studys_place_in_a_shared_storage_follows_it(tmp_path):
    paths = StudyPaths(tmp_path / "study")
    assert stored_name(paths, ()) is None
    new = (Opened(1, "study", 0.0, "a1b2"),)
    assert stored_name(paths, new) == StudyName("a1b2", "study-a1b2")
    assert stored_name(StudyPaths(tmp_path / "renamed"), new) == StudyName("a1b2", "study-a1b2")
    before = (Opened(1, "study", 0.0),)
    assert stored_name(StudyPaths(tmp_path / "renamed"), before) == StudyName("", "study")
    paths.folder.mkdir()
    write_information(paths.study, {"id": "c3", "shared_name": "study"})
    assert stored_name(paths, before) == StudyName("c3", "study")


def test_a_copy_is_told_from_a_study_that_was_moved(tmp_path):
    storage, name = str(tmp_path / "shared"), StudyName("c3", "study-c3")
    first = StudyPaths(tmp_path / "first")
    first.folder.mkdir()
    write_information(first.study, {"id": "c3"})
    assert not is_copy(storage, name, first)
    take_storage(storage, name, first)
    checkpoint = tmp_path / "shared" / "study-c3" / "trial" / "e1-a1" / "state.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("{}")
    copy = StudyPaths(tmp_path / "copy")
    shutil.copytree(first.folder, copy.folder)
    assert not is_copy(storage, name, first)
    assert is_copy(storage, name, copy)
    take_storage(storage, StudyName("d4", "copy-d4"), copy, "study-c3")
    assert (tmp_path / "shared" / "copy-d4" / "trial" / "e1-a1" / "state.json").is_file()
    moved = StudyPaths(first.folder.rename(tmp_path / "moved"))
    assert not is_copy(storage, name, moved)


@pytest.mark.ray
def test_two_studies_of_one_name_share_nothing_in_one_storage(ray_here, tmp_path):
    trials, storage = some_trials(2), str(tmp_path / "shared")
    engines = [Engine(tmp_path / name) for name in ("first", "second")]
    for engine in engines:  # the second would go on with the first's
        assert engine.run(plan_of(trials), storage=storage, fresh=True).exit_code == 0
    begun = [sorted((tmp_path / "shared").glob(f"*/{one.trial_id}/worker.log")) for one in trials]
    assert [len(logs) for logs in begun] == [2, 2]  # each trained its own
    documents = [json.loads((one.folder / "study.json").read_text()) for one in engines]
    assert documents[0]["id"] != documents[1]["id"]
    for engine, document in zip(engines, documents, strict=True):
        (opened,) = engine.of(Opened)
        assert opened.study_id == document["id"]

    moved = engines[0].folder.rename(tmp_path / "first" / "moved")
    (moved / "study.json").unlink()
    again = Engine(tmp_path / "first", "moved")
    more = [*trials, *some_trials(3)[2:]]
    assert again.run(plan_of(more), storage=storage).exit_code == 0
    assert any("study.json is missing or damaged" in line for line in again.lines)
    assert json.loads((moved / "study.json").read_text())["id"] == documents[0]["id"]
    assert len(list((tmp_path / "shared").glob("scripted-*"))) == 2
    assert len(read_record(moved).rows) > 2

    shutil.copytree(moved, tmp_path / "first" / "copy")
    copy = Engine(tmp_path / "first", "copy")
    before = {log: log.read_text() for log in (tmp_path / "shared").glob("*/*/worker.log")}
    assert copy.run(plan_of([*more, *some_trials(4)[3:]]), storage=storage).exit_code == 0
    assert any("is a copy of a study" in line for line in copy.lines)
    assert not any("from now on" in line for line in copy.lines)
    assert json.loads((copy.folder / "study.json").read_text())["id"] != documents[0]["id"]
    assert {log: log.read_text() for log in before} == before  # the first study's are untouched
    assert len(list((tmp_path / "shared").glob("*/owner.json"))) == 3
    shared = json.loads((copy.folder / "study.json").read_text())["shared_name"]
    trained = {log.parent.name for log in (tmp_path / "shared" / shared).glob("*/worker.log")}
    assert {one.trial_id for one in more} <= trained  # their checkpoints came along


def test_a_borrowed_trial_is_on_record_as_this_study_writes_it(tmp_path):
    """Otherwise its runs are another configuration's, and another arm's in a comparison."""
    asked = planned_trial(dims=3, budget_side="within")
    lent = planned_trial(dims=4, budget_side="above")  # neither counts for a low-rank network
    assert lent.trial_id == asked.trial_id
    ended = Ended(lent.trial_id, 1, 4.0, "finished", 1)
    write_ledger(tmp_path / "lender", planned_row(lent, time=1.0), ended)
    borrowed = borrowed_rows(plan_of([asked]), History([]), [tmp_path / "lender"])
    assert borrowed == [planned_row(asked, time=1.0), ended]


def test_what_earlier_runs_computed_with_is_kept_and_told():
    first = {"versions": {"torch": "2.8", "ray": "2.1"}, "environment": {}}
    second = {"versions": {"torch": "2.9", "ray": "2.2"}, "environment": {"ATEN_X": "avx2"}}
    stored = {**second, "earlier": earlier_conditions(first, second)}
    old = {"versions": {"torch": "2.8"}, "environment": {}}
    assert stored["earlier"] == [old]
    assert changed_conditions(first, second) == (
        "torch has changed from 2.8 to 2.9, ATEN_X has changed from absent to avx2"
    )
    third = {**second, "versions": {"torch": "2.9", "ray": "2.3"}}  # Ray computes nothing
    assert earlier_conditions(stored, third) == [old]
    assert changed_conditions(stored, third) == ""
    back = earlier_conditions(stored, first)
    assert back == [old, {"versions": {"torch": "2.9"}, "environment": {"ATEN_X": "avx2"}}][1:]
    for damaged in ({}, {"versions": 3, "environment": [], "earlier": "x"}):
        assert earlier_conditions(damaged, first) == []
        assert changed_conditions(damaged, first) == ""


def test_a_variable_that_chooses_torchs_instructions_is_recorded(monkeypatch):
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert environment()["ATEN_CPU_CAPABILITY"] == "default"
