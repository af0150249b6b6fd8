"""Studies and plans recorded before modules moved and values were renamed are still continued."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import load_study
from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Planned
from analysis.report.report import write_report
from trainables.config.former_names import FORMER, with_present_names
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "tests" / "fixtures" / "before_rooms"
STUDIES = {"before_rooms": 12, "before_rooms_folder": 3, "before_rooms_interrupted": 3}


def run_tune(*arguments: str, folder: Path = RECORDED) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run_tune.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "path", sorted((RECORDED / "plans").rglob("*.json")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_a_trial_that_a_ready_space_planned_is_still_that_trial(path: Path) -> None:
    for old in with_present_names(json.loads(path.read_text()))["trials"]:
        config = TrainConfig.from_trial(old["config"])
        size = config.network_size()
        same = (size.parameters, size.macs(config.batch_size)) == (old["parameters"], old["macs"])
        # a budget is filled better than it was then: where it is, by another network
        assert same or config.compression is not None
        assert (trial_id(config, size) == old["id"]) is same
        assert not same or list(size.routes(config.batch_size)) == old["routes"]


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in (RECORDED / "plans").glob("*.json")})
)
def test_a_ready_space_still_plans_the_points_that_it_did(name: str, tmp_path: Path) -> None:
    path = RECORDED / "plans" / f"{name}.json"
    done = run_tune("--space", name, "--plan", "--json", "--results-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    before, now = with_present_names(json.loads(path.read_text())), json.loads(done.stdout)
    # precision=auto is resolved by the machine; a study of three seeds chooses on two now
    planned = [{**one["config"], "precision": ""} for one in now["trials"]]
    for old in before["trials"]:
        wanted = {**old["config"], "precision": ""}
        if wanted["compression"] is None and wanted["seed"] < 2:
            assert any(wanted.items() <= one.items() for one in planned)


@pytest.mark.parametrize(("name", "trials"), STUDIES.items())
def test_a_study_of_before_is_read_and_reported(name: str, trials: int, tmp_path: Path) -> None:
    shutil.copytree(RECORDED / name, tmp_path / name)
    study = load_study(tmp_path / name)
    assert len(study.trials) == trials
    write_report(study)
    assert study.question in (tmp_path / name / "report.md").read_text()


@pytest.mark.parametrize("name", STUDIES)
def test_recorded_trials_keep_their_ids_under_present_names(name: str) -> None:
    planned = [row for row in read_record(RECORDED / name).rows if isinstance(row, Planned)]
    former = {old for names in FORMER.values() for old in names}
    for row in planned:
        assert not former & {str(row.config["layer"]), row.config["protocol"], *row.routes}
        config = TrainConfig.from_trial(row.config)
        assert config == TrainConfig(**row.config)  # keys that came later have their defaults
        assert trial_id(config, config.network_size()) == row.trial_id


def test_a_space_in_former_names_plans_the_recorded_trials(tmp_path: Path) -> None:
    planned = {
        row.trial_id
        for row in read_record(RECORDED / "before_rooms").rows
        if isinstance(row, Planned)
    }
    for settings in ([], ["--set", "protocol=right,seed_tt"]):
        done = run_tune("--space=digits.toml", *settings, "--plan", "--json", "--results-dir=.")
        assert done.returncode == 0, done.stderr
        trials = json.loads(done.stdout)["trials"]
        assert {trial["id"] for trial in trials} == planned
        assert {trial["config"]["layer"] for trial in trials} == {
            "dense",
            "tensor_train",
            "tucker_original",
        }


@pytest.mark.ray
def test_an_interrupted_study_of_before_goes_on_from_its_checkpoints(tmp_path: Path) -> None:
    for name in ("before_rooms_interrupted", "images", "interrupted.toml"):
        source = RECORDED / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    before = read_record(tmp_path / "before_rooms_interrupted").rows
    trained = {(row.trial_id, row.epoch) for row in before if isinstance(row, Epoch)}
    done = run_tune(
        "--space=interrupted.toml", "--data-dir=images", "--results-dir=.", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    new = read_record(tmp_path / "before_rooms_interrupted").rows[len(before) :]
    added = [row.config["seed"] for row in new if isinstance(row, Planned)]
    assert added == [1000, 1001, 1002, 1003, 1004]  # what was chosen; every id of before is known
    again = {(row.trial_id, row.epoch) for row in new if isinstance(row, Epoch)}
    assert len(again & trained) <= 2  # each of the two goes on from its last checkpoint
    assert sum(isinstance(row, Ended) and row.status == "finished" for row in new) == 2 + 5
