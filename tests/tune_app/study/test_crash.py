"""Kills and signals: nothing is lost, nothing repeated, and the end is an orderly one."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from analysis.record.record import read_record
from analysis.record.rows import Closed, Epoch, Run
from analysis.study.study import load_study
from benchmarks.chaos.chaos import Chaos, end_tree
from benchmarks.chaos.inspection import inspect, same_tables
from tests.tune_app.ray_engine import Engine
from trainables.config.installation import command_here
from trainables.files.study_folder import LEDGER

pytestmark = [pytest.mark.crash, pytest.mark.slow]

DRIVER = [sys.executable, "-m", "tests.tune_app.scripted_driver"]


def test_ten_kills_lose_nothing_and_leave_the_tables_of_an_undisturbed_search(tmp_path):
    arguments = [str(tmp_path / "chaos"), "24", "0.2"]
    (tmp_path / "chaos").mkdir()
    chaos = Chaos(
        [*DRIVER, *arguments],
        tmp_path / "chaos" / "scripted",
        random.Random(26),
        wanted=10,
        targets=("driver", *5 * ("worker",), "raylet", "gcs", "agent"),
        phases=("start-up", "append", "append", "step", "step", "step", "shutdown"),
        output=tmp_path / "driver.log",
        longest_step=2.0,
    )
    chaos.run()
    assert len(chaos.kills) == 10, (tmp_path / "driver.log").read_text()
    assert [str(end) for end in chaos.ends if not end.accounted] == []
    assert "raylet)" not in (tmp_path / "driver.log").read_text()  # Ray's own words
    findings = inspect(chaos.study, Engine(tmp_path / "chaos").trained)
    assert (findings.lost, findings.doubled, findings.damage) == ([], [], [])
    assert findings.unfinished == []
    assert findings.redone <= 10 * 2  # an epoch of each running trial, for each kill

    subprocess.run([*DRIVER, str(tmp_path / "calm"), "24", "0.0"], check=True)
    assert same_tables(chaos.study, Engine(tmp_path / "calm").folder) == []


def test_each_signal_ends_the_search_in_order_and_the_same_command_continues(tmp_path):
    study = tmp_path / "scripted"
    interrupt(tmp_path, signal.SIGINT, code=130, at=4)
    before = [(row.trial_id, row.epoch) for row in rows(study, Epoch)]
    assert len(before) >= 4  # what was on record when the signal came
    interrupt(tmp_path, signal.SIGTERM, code=143, at=len(before) + 4)
    epochs = [(row.trial_id, row.epoch) for row in rows(study, Epoch)]
    assert epochs[: len(before)] == before
    subprocess.run([*DRIVER, str(tmp_path), "12", "0.0"], check=True)
    epochs = [(row.trial_id, row.epoch) for row in rows(study, Epoch)]
    assert len(epochs) == len(set(epochs)) == 12 * 9
    assert set(load_study(study).trials["status"]) == {"finished"}


def interrupt(results: Path, number: signal.Signals, *, code: int, at: int) -> None:
    """Runs the command until ``at`` epochs are on record; the signal then ends it as it should."""
    study = results / "scripted"
    with (results / "out.txt").open("w+") as output:
        process = subprocess.Popen(
            [*DRIVER, str(results), "12", "0.5"], stdout=output, start_new_session=True
        )
        wait_for_epochs(study, at, process)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        assert time.monotonic() - sent < 30
        output.seek(0)
        assert f"to continue: {command_here()} again" in output.read()
    assert (study / "trials.parquet").is_file()
    assert set(load_study(study).trials["status"]) <= {"finished", "interrupted", "never_ran"}


def test_a_second_signal_ends_at_once_and_loses_nothing_on_record(tmp_path):
    study = tmp_path / "scripted"
    arguments = [str(tmp_path), "12", "0.5", "hangs"]
    process = subprocess.Popen([*DRIVER, *arguments], start_new_session=True)
    try:
        wait_for_epochs(study, 2, process)
        while not list(study.glob("checkpoints/*/hangs")):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.wait(timeout=60) == 130
        assert time.monotonic() - sent < 15  # the first one alone gives the trial 30 s
        assert len(rows(study, Epoch)) >= 2
    finally:
        end_tree(process)


def test_a_driver_that_a_dead_ray_has_blocked_closes_the_record_and_says_how_to_go_on(tmp_path):
    """Killed where Tune asks Ray's control store for something that never comes."""
    study = tmp_path / "scripted"
    process = subprocess.Popen(
        [*DRIVER, str(tmp_path), "8", "0.1"], stdout=subprocess.PIPE, text=True
    )
    try:
        while process.poll() is None and not ((study / LEDGER).is_file() and rows(study, Run)):
            time.sleep(0.01)
        family = psutil.Process(process.pid).children(recursive=True)
        (store,) = (child for child in family if child.name() == "gcs_server")
        store.kill()
        output, _ = process.communicate(timeout=150)
    finally:
        end_tree(process)
    assert process.returncode == 1
    (closed,) = rows(study, Closed)
    assert closed.reason == "Ray's gcs_server ended"
    assert output.splitlines()[-1] == f"to continue: {command_here()} again"
    assert (study / "trials.parquet").is_file()


def wait_for_epochs(study: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if (study / LEDGER).is_file() and len(rows(study, Epoch)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError("the search did not begin")


def rows(study: Path, kind: type) -> list:
    return [row for row in read_record(study).rows if isinstance(row, kind)]
