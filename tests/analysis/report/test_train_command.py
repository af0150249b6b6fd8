"""The command beside a trial: it trains that very trial, as it was trained, from anywhere."""

from __future__ import annotations

import dataclasses
import json

import pytest

from analysis.record.rows import Ended, Started
from analysis.report.provenance import ways_of_computing
from analysis.report.report import write_report
from analysis.report.train_command import train_commands
from analysis.study.best_by_size import best_at_each_size
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import write_study
from tests.ledger import write_ledger
from tests.tune_app.workload import some_trials
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id as name_of
from tune_app.planning.rows import planned_row
from tune_app.study.study_file import write_information


@pytest.mark.parametrize("name", ["twelve", "seeds", "asha"])
def test_a_command_trains_the_very_trial_it_stands_beside(study_folder, name):
    for trial_id, command in train_commands(load_study(study_folder(name))).items():
        words = command.split()
        assert words[:4] == ["python", "-m", "trainables", "train"]
        given = dict(word.split("=", 1) for word in words if "=" in word)
        config = TrainConfig.from_trial({key: _read(value) for key, value in given.items()})
        assert name_of(config, config.network_size()) == trial_id


@pytest.mark.parametrize(
    ("written", "directory", "told"),
    [
        ("my pictures.py:load", "/where it began", "'dataset=/where it began/my pictures.py:load'"),
        ("/abroad/pictures.py:load", "/where it began", "dataset=/abroad/pictures.py:load"),
        ("pictures.py:load", "", "dataset=pictures.py:load"),  # a study of before
        ("digits", "/where it began", "dataset=digits"),
    ],
)
def test_a_command_finds_its_files_from_anywhere(written, directory, told, tmp_path):
    (trial,) = some_trials(1)
    config = trial.config.with_values(dataset=written)
    row = planned_row(dataclasses.replace(trial, config=config), time=0.0)
    write_ledger(tmp_path, row)
    write_information(tmp_path / "study.json", {"directory": directory})
    (command,) = train_commands(load_study(tmp_path)).values()
    assert f"--set {told} " in f"{command} "


def test_a_command_computes_as_its_trial_was_computed(tmp_path):
    trials = some_trials(3)
    rows = [planned_row(trial, time=0.0) for trial in trials]
    computed = [(1, "torch"), (2, "torch"), (1, "compiled")]
    for trial, (threads, code) in zip(trials, computed, strict=True):
        rows.append(Started(trial.trial_id, 1, 0.0, device="cpu", threads=threads))
        rows.append(Ended(trial.trial_id, 1, 1.0, "finished", 9, code=code))
    write_ledger(tmp_path, *rows)
    about = {"options": {"download": "/our images"}, "environment": {"OMP_NUM_THREADS": "3"}}
    write_information(tmp_path / "study.json", about)
    commands = train_commands(load_study(tmp_path))
    study = load_study(tmp_path)
    assert ways_of_computing(study) == {
        "1 thread, torch code": 1,
        "2 threads, torch code": 1,
        "1 thread, compiled code": 1,
    }
    page = write_report(study).read_text(encoding="utf-8")
    assert "Trials were computed in different ways." in page
    assert "OMP_NUM_THREADS=3" in page
    options = [commands[trial.trial_id].partition(" --data-dir ")[2] for trial in trials]
    assert options == [
        "'/our images' --threads 1 --device cpu --no-compiled",
        "'/our images' --threads 2 --device cpu",
        "'/our images' --threads 1 --device cpu",
    ]


def test_libraries_and_variables_that_changed_while_a_study_ran_are_told(tmp_path):
    (trial,) = some_trials(1)
    write_ledger(tmp_path, planned_row(trial, time=0.0))
    now = {"versions": {"torch": "2.9", "ray": "2.2"}, "environment": {"ATEN_X": "avx2"}}
    for earlier, told in (
        ([{"versions": {"torch": "2.8"}, "environment": {}}], True),
        ([{"versions": {"torch": "2.9"}, "environment": {"ATEN_X": "avx2"}}, 3], False),
    ):
        write_information(tmp_path / "study.json", {**now, "earlier": earlier})
        page = write_report(load_study(tmp_path)).read_text(encoding="utf-8")
        assert ("What computes changed while the study ran." in page) == told
        assert ("torch 2.8, then 2.9; ATEN_X absent, then avx2" in page) == told


def test_a_trial_that_went_on_in_another_way_is_told(tmp_path):
    (trial,) = some_trials(1)
    rows = [planned_row(trial, time=0.0)]
    for attempt, (device, code) in enumerate([("cpu", "compiled"), ("cpu", "torch")], start=1):
        rows.append(Started(trial.trial_id, attempt, 0.0, device=device, threads=1))
        status = "interrupted" if attempt == 1 else "finished"
        rows.append(Ended(trial.trial_id, attempt, 1.0, status, 4 * attempt, code=code))
    write_ledger(tmp_path, *rows)
    study = load_study(tmp_path)
    assert ways_of_computing(study) == {"1 thread, compiled code, then 1 thread, torch code": 1}
    page = write_report(study).read_text(encoding="utf-8")
    assert "No command repeats 1 trial that changed these in between." in page


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_the_command_beside_a_mean_trains_one_of_its_runs(tmp_path):
    """The first choosing run may be the luckiest of many, and is left out of the mean."""
    configs = [
        {"layer": "low_rank", "rank": rank, "epochs": 4, "seed": seed}
        for rank, seeds in ((8, (0, 1, 1000, 1001)), (32, (0, 1)))
        for seed in seeds
    ]
    study = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    best = best_at_each_size(study)
    seeds = study.trials.set_index("trial_id")["seed"]
    assert dict(zip(best["rank"], seeds[best["trial_id"]], strict=True)) == {8: 1000, 32: 0}
