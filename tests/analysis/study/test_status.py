"""How a study stands, read off its ledger while it is written and after."""

import dataclasses
import json
import math
import re
import socket
import threading

import pytest

from analysis.commands.show import trial_record, trial_text
from analysis.commands.status import status_text
from analysis.record.driver import driver_time
from analysis.record.record import RecordError, encode
from analysis.record.rows import Epoch
from analysis.study.replicates import replicates
from analysis.study.status import find_trial, studies_frame, study_of, study_status
from analysis.study.study import load_study
from tests.analysis.simulation import renew
from tests.analysis.studies import STUDIES, best_trial, half_done, twelve
from trainables.files.study_folder import LEASE, LEDGER


@pytest.mark.parametrize("name", STUDIES)
def test_a_status_fits_a_terminal_and_is_json(study, name):
    status = study_status(study(name))
    assert max(map(len, status_text(status).split("\n"))) <= 80
    assert json.loads(json.dumps(status.to_dict()))["name"] == name
    assert status.trials == len(study(name).trials)


def test_a_running_study_says_what_runs_and_how_long_still(study):
    ours = study("half_done")
    now = ours.epochs["time"].max()
    status = study_status(ours, now=now)
    assert (status.state, status.counts["running"], len(status.running)) == ("running", 4, 4)
    assert "12: 6 finished, 4 running, 2 waiting" in status_text(status)
    left = 12 * 8 - len(ours.epochs)
    assert status.epochs_left == left
    rate = len(ours.epochs) / (now - ours.runs["started"].iloc[0])
    assert status.seconds_left == pytest.approx(left / rate)


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_lease_of_another_time_holds_no_study(tmp_path, seconds):
    """That of a driver that ended long ago, whose clock may have been ahead."""
    renew(half_done(tmp_path), seconds)
    status = study_status(load_study(tmp_path))
    assert (status.state, status.counts["interrupted"]) == ("unfinished", 4)


@pytest.mark.parametrize(("host", "state"), [("elsewhere", "running"), (None, "unfinished")])
@pytest.mark.parametrize("seconds", [-3000.0, 3000.0])
def test_a_driver_whose_clock_is_off_is_seen_to_renew_its_lease(tmp_path, seconds, host, state):
    """On this machine a lease of another time is left over."""
    folder = half_done(tmp_path / "study")
    ended = threading.Event()

    def drive() -> None:
        while not ended.wait(0.5):
            renew(folder, seconds, host or socket.gethostname())

    renew(folder, seconds, host or socket.gethostname())
    driver = threading.Thread(target=drive)
    driver.start()
    try:
        status = study_status(load_study(folder))
        assert status.state == state
    finally:
        ended.set()
        driver.join()
    assert study_status(load_study(folder)).state == "unfinished"


def test_a_rate_is_by_the_clock_of_the_driver(tmp_path):
    folder = half_done(tmp_path / "study")
    renew(folder, 25.0)
    ours = load_study(folder)
    seconds = driver_time(folder) - ours.runs["started"].iloc[0]
    rate = study_status(ours).epochs_per_hour
    assert rate == pytest.approx(3600 * len(ours.epochs) / seconds, rel=1e-6)


def test_epochs_of_one_moment_have_no_rate(tmp_path):
    """As of a clock that stood still, or was put back."""
    half_done(tmp_path)
    (tmp_path / LEASE).unlink()
    ledger = tmp_path / LEDGER
    ledger.write_text(re.sub(r'"time":[\d.e+]+', '"time":1700000000.0', ledger.read_text()))
    status = study_status(load_study(tmp_path))
    assert status.epochs_done > 0
    assert math.isnan(status.epochs_per_hour)
    assert math.isnan(status.seconds_left)
    assert "rate" not in status_text(status)


def test_early_stopping_shortens_what_is_left(study):
    trials = study("asha").trials.copy()
    trials.loc[trials.index[-10:], ["status", "epochs_run"]] = ["never_ran", 0]
    from analysis.study.status import epochs_left

    assert 0 < epochs_left(trials) < 0.5 * 10 * 24


def test_it_works_while_a_search_writes(tmp_path):
    half_done(tmp_path)
    before = study_status(load_study(tmp_path)).epochs_done
    row = Epoch(load_study(tmp_path).trials["trial_id"].iloc[-1], 1, 1.9e9, 1, 1.0, 0.5, 1.0, 0.5)
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(encode([row]) + encode([row])[:40])  # a whole line and half of the next
    assert study_status(load_study(tmp_path)).epochs_done == before + 1


def test_a_best_that_learned_nothing_says_what_it_has_reached(study):
    status = study_status(study("twelve"))
    assert "learned nothing" not in status_text(status)
    guessed = {**status.best, "accuracy": 0.1, "trial_accuracy": 0.09, "learned": False}
    text = status_text(dataclasses.replace(status, best=guessed))
    assert "(chance, as a run that learned nothing counts; it has 9.00 %)" in text


def test_failures_are_counted_by_kind(study):
    assert study_status(study("troubled")).failures == {"exception": 3, "out_of_memory": 1}


def test_a_finished_study_has_nothing_left(study):
    status = study_status(study("twelve"))
    assert (status.state, status.epochs_left, status.seconds_left) == ("complete", 0, 0)
    assert status.best["accuracy"] == replicates(study("twelve"))["mean"].max()


def test_a_study_without_trials_has_no_best_and_no_rate(study):
    status = study_status(study("empty"))
    assert status.best is None
    assert math.isnan(status.epochs_per_hour)
    with pytest.raises(RecordError, match="none has finished"):
        best_trial(study("empty"))


def test_damaged_lines_are_told(tmp_path):
    twelve(tmp_path)
    ledger = tmp_path / LEDGER
    ledger.write_bytes(ledger.read_bytes() + b"rubbish\n")
    assert "1 line of the ledger cannot be read" in status_text(study_status(load_study(tmp_path)))


def test_studies_are_listed_the_last_written_first_and_bad_ones_named(tmp_path):
    twelve(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / LEDGER).write_bytes(b'{"type":"opened","format":99,"name":"x","time":1}\n')
    frame = studies_frame(tmp_path)
    assert set(frame["study"]) == {"good", "bad"}
    assert frame.set_index("study").loc["bad", "state"].startswith("unreadable")
    assert len(studies_frame(tmp_path / "nowhere")) == 0


def test_a_trial_is_found_by_a_part_of_its_name(study, study_folder):
    trial = find_trial(study("twelve"), "dense-6.57M-seed1")
    assert trial["seed"] == 1
    assert study_of("dense-6.57M-seed1", study_folder("twelve").parent).folder.is_dir()
    with pytest.raises(RecordError, match="could be any of 2 trials"):
        find_trial(study("twelve"), "dense")
    with pytest.raises(RecordError, match="has no trial 'cp'; it has dense"):
        find_trial(study("twelve"), "cp")


def test_a_trial_shows_its_epochs_and_its_errors(study):
    ours = study("troubled")
    failed = ours.trials.iloc[3]
    text = trial_text(ours, failed)
    assert "failed, 0 of 8 epochs" in text
    assert "ValueError: broken on purpose" in text
    record = trial_record(ours, ours.trials.iloc[1])
    assert [row["epoch"] for row in record["epochs_rows"]] == list(range(1, 9))
    assert [row["status"] for row in record["attempts_rows"]] == ["failed", "finished"]
