"""Checkpoints in a bucket of a real S3 server: trials go on from them, and the best is fetched."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from pyarrow import fs

import run_tune
from analysis.__main__ import main as analysis
from analysis.record.record import read_record
from analysis.record.rows import Epoch
from tests.tune_app.study.planted import PAYLOADS, plant_in_checkpoint
from tests.tune_app.workload import plan_of, planned, space
from trainables.files.filesystem import filesystem
from trainables.files.storage import join, without_secrets
from trainables.training.checkpoints.checkpoint import read_checkpoint
from tune_app.command.options import KEPT_WHEN_FINISHED, RunOptions
from tune_app.engine.runner_config import RunnerConfig
from tune_app.preview.preflight import storage_problems
from tune_app.study.retention import remove_checkpoints
from tune_app.study.run_study import run_study

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

DATA = {"dataset": "digits", "train_images": 100, "validation_images": 50, "batch_size": 50}


def states(storage: str) -> set[tuple[str, str]]:
    """Trial and name of every whole checkpoint."""
    system, root = filesystem(storage)
    infos = system.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    places = (info.path.removeprefix(root + "/").split("/") for info in infos)
    return {(place[0], place[1]) for place in places if place[-1] == "state.json"}


def test_a_study_goes_on_from_its_bucket_and_the_best_stay_there(
    ray_here, bucket, tmp_path, monkeypatch
):
    """The rows taken out are those that a driver would not have written, had it been killed."""
    storage = bucket.uri("runs")
    trials = [planned(**DATA, epochs=2, learning_rate=0.01 * n) for n in range(1, 12)]
    fixed = {"layer": "low_rank", "rank": 4, "width": 8, "dataset": "digits"}
    plan = plan_of(trials, space=space(fixed=fixed))
    options = RunOptions(
        space="s3",
        results_dir=tmp_path,
        name="study",
        storage=storage,
        max_concurrent=1,
        command=f"run_tune.py --storage {storage}",
    )
    study = tmp_path / "study"
    best = run_study(plan, options, RunnerConfig(report=False)).best
    shared = json.loads((study / "study.json").read_text())["shared_name"]
    kept = {trial for trial, name in states(join(storage, shared))}
    assert len(kept) == KEPT_WHEN_FINISHED
    assert best in kept

    lines = (study / "ledger.jsonl").read_text().splitlines(keepends=True)
    unsaid = ('"epoch":2,', '"type":"ended"')
    said = [line for line in lines if not (best in line and any(map(line.__contains__, unsaid)))]
    assert len(lines) - len(said) == 2
    (study / "ledger.jsonl").write_text("".join(said))
    system, root = filesystem(join(storage, shared))
    system.delete_dir(f"{root}/record")
    assert run_study(plan, options, RunnerConfig(report=False)).exit_code == 0
    epochs = [row.epoch for row in read_record(study).rows if ours(row, Epoch, best)]
    assert epochs == [1, 2]
    log = (study / "logs" / f"{best}.log").read_text()
    assert "continues from checkpoint e2-a1" in log
    assert log.count("epoch 2 train_loss") == 1

    before = (study / "ledger.jsonl").read_bytes()
    shutil.rmtree(study)
    assert run_study(plan, options, RunnerConfig(report=False)).exit_code == 0
    after = (study / "ledger.jsonl").read_bytes()  # of a head that had the bucket alone
    assert after.startswith(before)
    assert b'"type":"started"' not in after[len(before) :]

    for name in ("study.json", "ledger.jsonl"):
        assert "secret" not in (study / name).read_text()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert analysis(["best", str(study), "--out", str(tmp_path / "best")]) == 0
    assert len(read_checkpoint(tmp_path / "best")[1]["history"]) == 2


def test_a_pickle_planted_in_the_bucket_is_passed_over_and_runs_nothing(ray_here, bucket, tmp_path):
    storage, mark = bucket.uri("planted"), tmp_path / "it-ran"
    trial = planned(**DATA, epochs=2, learning_rate=0.1)
    fixed = {"layer": "low_rank", "rank": 4, "width": 8, "dataset": "digits"}
    plan = plan_of([trial], space=space(fixed=fixed))
    options = RunOptions(space="s3", results_dir=tmp_path, name="study", storage=storage)
    assert run_study(plan, options, RunnerConfig(report=False)).exit_code == 0
    study = tmp_path / "study"
    shared = json.loads((study / "study.json").read_text())["shared_name"]
    system, root = filesystem(join(storage, shared))
    with tempfile.TemporaryDirectory() as copy:
        fs.copy_files(f"{root}/{trial.trial_id}", copy, source_filesystem=system)
        (state,) = Path(copy).glob("*/state.json")
        plant_in_checkpoint(state.parent, PAYLOADS["torch"](mark))
        fs.copy_files(copy, f"{root}/{trial.trial_id}", destination_filesystem=system)

    lines = (study / "ledger.jsonl").read_text().splitlines(keepends=True)
    unsaid = ('"epoch":2,', '"type":"ended"')
    (study / "ledger.jsonl").write_text(
        "".join(line for line in lines if not any(map(line.__contains__, unsaid)))
    )
    system.delete_dir(f"{root}/record")  # which would bring the rows back
    assert run_study(plan, options, RunnerConfig(report=False)).exit_code == 0
    assert "is skipped" in (study / "logs" / f"{trial.trial_id}.log").read_text()
    assert not mark.exists()


def ours(row: object, kind: type, trial_id: str) -> bool:
    return isinstance(row, kind) and row.trial_id == trial_id


def test_a_bucket_that_is_there_passes(bucket):
    assert storage_problems(bucket.uri("elsewhere")) == []


def test_a_bucket_that_is_not_there_is_one_message_and_nothing_starts(bucket, tmp_path, capsys):
    results = tmp_path / "results"
    command = ["--space", "quickstart", "--results-dir", str(results)]
    absent = bucket.uri("runs").replace("@bucket/", "@no-such-bucket/")
    assert run_tune.main([*command, "--storage", absent]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --storage s3://")
    assert "cannot be used: the bucket no-such-bucket does not exist; name a folder" in line
    assert "secret" not in line
    assert not results.exists()


def test_a_bucket_that_hangs_is_told_once_and_the_process_ends(bucket, tmp_path):
    """The library goes on asking for two minutes, and would not let the process end before."""
    script = Path(run_tune.__file__)
    command = ["--space", "quickstart", "--results-dir", str(tmp_path), "--storage"]
    bucket.fault = "hangs"
    try:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(script), *command, bucket.uri("runs")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert time.monotonic() - began < 80
    finally:
        bucket.fault = ""
    assert done.returncode == 2
    waiting, told = done.stderr.splitlines()
    assert waiting == "waiting for the storage s3://bucket/runs"
    assert "cannot be used: no answer within 30 s; name a folder" in told


def test_a_bucket_that_gives_back_something_else_is_refused(bucket):
    bucket.fault = "changes"
    (problem,) = storage_problems(bucket.uri("changes"))
    bucket.fault = ""
    assert "cannot be used: what was written there comes back changed" in problem


@pytest.mark.seconds
def test_a_bucket_that_refuses_some_requests_is_tried_again_later(bucket):
    bucket.fault = "reads nothing"
    (problem,) = storage_problems(bucket.uri("busy"))
    bucket.fault = ""
    assert "cannot be used: it is overloaded or down, and refuses requests, if not all" in problem
    assert problem.endswith("; give the command again later")


def test_what_files_may_hold_names_no_secret(bucket):
    command = f"run_tune.py --storage '{bucket.uri('runs')}' --set rank=4"
    assert without_secrets(command) == command.replace("key:secret@", "")
    assert without_secrets("s3://bucket/a@b/c") == "s3://bucket/a@b/c"


@pytest.mark.parametrize("storage", ["nowhere://a/b", "s3://bucket/runs?no_such_option=1"])
def test_a_uri_that_nothing_understands_is_told(storage):
    (problem,) = storage_problems(storage)
    assert problem.startswith(f"--storage {storage} cannot be used: ")
    assert "name a folder" in problem


def test_a_storage_that_is_away_when_the_search_ends_is_left_as_it_is(tmp_path):
    (tmp_path / "file").touch()
    assert remove_checkpoints((tmp_path / "file").as_uri(), lambda _: ["trial"]) == set()
