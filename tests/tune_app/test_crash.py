"""Kills and signals: nothing is lost, nothing repeated, and the end is an orderly one."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from analysis.record import Epoch, read_record
from analysis.study import load_study
from benchmarks.chaos import Chaos, end_tree, inspect, same_tables
from tests.tune_app.engine import Engine

pytestmark = [pytest.mark.crash, pytest.mark.slow]

DRIVER = [sys.executable, "-m", "tests.tune_app.scripted_driver"]


def trained(study: Path) -> Counter:
    counts: Counter = Counter()
    for log in study.glob("checkpoints/*/worker.log"):
        for line in log.read_text().splitlines():
            counts[log.parent.name, int(line.split()[1])] += 1
    return counts


def test_ten_kills_lose_nothing_and_leave_the_tables_of_an_undisturbed_search(tmp_path):
    arguments = [str(tmp_path / "chaos"), "40", "0.25"]
    (tmp_path / "chaos").mkdir()
    chaos = Chaos(
        [*DRIVER, *arguments],
        tmp_path / "chaos" / "scripted",
        random.Random(5),
        wanted=10,
        targets=("driver", "worker", "worker", "worker", "raylet", "gcs"),
        phases=("start-up", "append", "step", "step", "shutdown"),
        output=tmp_path / "driver.log",
    )
    chaos.run()
    assert len(chaos.kills) == 10, (tmp_path / "driver.log").read_text()
    findings = inspect(chaos.study, trained(chaos.study))
    assert (findings.lost, findings.doubled, findings.damage) == ([], [], [])
    assert findings.unfinished == []
    assert findings.redone <= 10 * 4  # an epoch of each running trial, for each kill

    calm = Engine(tmp_path, "calm")
    subprocess.run([*DRIVER, str(tmp_path / "calm"), "40", "0.0"], check=True)
    assert same_tables(chaos.study, calm.folder / "scripted") == []


def test_sigint_ends_the_search_in_order(tmp_path):
    study = ended_in_order(tmp_path, signal.SIGINT, 130)
    assert len(rows(study, Epoch)) >= 4  # what was on record when the signal came


def test_after_sigterm_the_same_command_continues(tmp_path):
    study = ended_in_order(tmp_path, signal.SIGTERM, 143)
    before = {(row.trial_id, row.epoch) for row in rows(study, Epoch)}
    subprocess.run([*DRIVER, str(tmp_path), "12", "0.0"], check=True)
    epochs = [(row.trial_id, row.epoch) for row in rows(study, Epoch)]
    assert len(epochs) == len(set(epochs)) == 12 * 9
    assert before < set(epochs)
    assert set(load_study(study).trials["status"]) == {"finished"}


def ended_in_order(results: Path, number: signal.Signals, code: int) -> Path:
    """The folder of a search that the signal ended as it should."""
    study = results / "scripted"
    with (results / "out.txt").open("w+") as output:
        process = subprocess.Popen(
            [*DRIVER, str(results), "12", "0.5"], stdout=output, start_new_session=True
        )
        wait_for_epochs(study, 4, process)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        assert time.monotonic() - sent < 30
        output.seek(0)
        assert "to continue: python again" in output.read()
    assert (study / "trials.parquet").is_file()
    assert set(load_study(study).trials["status"]) <= {"finished", "interrupted", "never_ran"}
    return study


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
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - sent < 5
        assert len(rows(study, Epoch)) >= 2
    finally:
        end_tree(process)


def wait_for_epochs(study: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if (study / "ledger.jsonl").is_file() and len(rows(study, Epoch)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError("the search did not begin")


def rows(study: Path, kind: type) -> list:
    return [row for row in read_record(study).rows if isinstance(row, kind)]
