"""One trial in a Ray worker: its class, driven as Ray drives it, in this process."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainables import cifar_trainable
from trainables.training.checkpoints.checkpoint import UnreachableCheckpointError
from trainables.training.job import (
    LEAVE_FILE,
    STOP_FILE,
    HostLeavingError,
)
from trainables.training.trainer import Trainer

CLOCKS = ("train_seconds", "eval_seconds", "images_per_second")


def run(trainable):
    """Every result until the trial is done."""
    results = [trainable.train()]
    while not results[-1]["done"]:
        results.append(trainable.train())
    return results


def rows(results):
    """The epochs of results, without what a clock measured."""
    return [
        {key: value for key, value in row.items() if key not in CLOCKS}
        for result in results
        for row in result["epochs"]
    ]


def checkpoints(job):
    """The folders of a trial's checkpoints."""
    return sorted((Path(job["storage"]) / job["trial_id"]).iterdir())


def names(job):
    return [folder.name for folder in checkpoints(job)]


def test_each_step_reports_an_epoch_and_the_last_one_is_done(worker, job, tiny, digits):
    results = run(worker(job()))
    assert [(result["epoch"], result["done"]) for result in results] == [(1, False), (2, True)]
    trainer = Trainer(tiny, digits)
    expected = [trainer.train_epoch().val_loss for _ in range(2)]
    assert [result["val_loss"] for result in results] == expected
    assert [result["score"] for result in results] == [r["val_accuracy"] for r in results]
    assert names(job()) == ["e2-a0"]


def test_several_epochs_a_step_are_all_in_its_result(worker, job, tiny):
    config = tiny.with_values(epochs=3)
    results = run(worker(job(config, epochs_per_step=2)))
    assert [result["epoch"] for result in results] == [2, 3]
    assert rows(results) == rows(run(worker(job(config, attempt=1, known_epochs=0))))


def test_a_reset_worker_equals_a_fresh_one(worker, job, tiny):
    other = tiny.with_values(layer="tucker", rank=1, seed=3, batch_size=32)
    reused = worker(job())
    run(reused)
    reused.reset(job(other, storage="reused"))
    assert rows(run(reused)) == rows(run(worker(job(other))))


def test_epochs_that_the_driver_missed_are_reported_again_one_a_step(worker, job, tiny):
    config = tiny.with_values(epochs=4)
    first = run(worker(job(config)))
    again = run(worker(job(config, attempt=1, known_epochs=1)))
    assert [result["epoch"] for result in again] == [2, 3, 4]
    assert rows(again) == rows(first[1:])
    assert [result["attempt"] for result in again] == [1, 1, 1]


def test_an_attempt_goes_on_from_the_furthest_checkpoint(worker, job, tiny):
    config = tiny.with_values(epochs=3)
    straight = run(worker(job(config, storage="straight")))
    first = worker(job(config, checkpoint_seconds=0))
    first.train()
    assert names(job(config)) == ["e1-a0"]
    resumed = run(worker(job(config, attempt=1, known_epochs=1)))
    assert rows(resumed) == rows(straight[1:])


def test_a_damaged_checkpoint_is_passed_over_with_a_line_in_the_log(worker, job, tiny, tmp_path):
    config = tiny.with_values(epochs=3)
    straight = run(worker(job(config, storage="straight")))
    first = worker(job(config, checkpoint_seconds=0))
    first.train()
    first.train()
    *whole, last = checkpoints(job(config))
    (last / "state.json").write_text("{")
    log = tmp_path / "log"
    again = run(worker(job(config, attempt=1, worker_log=str(log))))
    assert rows(again) == rows(straight)
    assert f"{last.name} is skipped" in log.read_text()
    assert ("continues from" in log.read_text()) == bool(whole)


def test_a_checkpoint_that_may_not_be_read_is_no_reason_to_begin_anew(worker, job, tiny):
    config = tiny.with_values(epochs=3)
    worker(job(config, checkpoint_seconds=0)).train()
    (*_, last) = checkpoints(job(config))
    (last / "state.json").rename(last / "state")
    (last / "state.json").mkdir()  # root may read all files, but no folder as a file
    with pytest.raises(UnreachableCheckpointError, match=r"state.json cannot be read \(Is a dir"):
        worker(job(config, attempt=1))


def test_only_the_last_and_the_best_checkpoint_are_kept(worker, job, tiny):
    config = tiny.with_values(epochs=6)
    results = run(worker(job(config, checkpoint_seconds=0)))
    best = max(results, key=lambda result: (result["score"], -result["epoch"]))["epoch"]
    kept = {int(name.split("-")[0][1:]) for name in names(job(config))}
    assert 6 in kept
    assert len(kept) <= 2
    scores = {result["epoch"]: result["score"] for result in results}
    assert max(scores[epoch] for epoch in kept) == scores[best]


def test_a_stop_request_saves_in_the_middle_of_an_epoch(worker, job, tiny, tmp_path):
    config = tiny.with_values(batch_size=4)
    straight = run(worker(job(config, storage="straight")))
    stopped = worker(job(config))
    stopped.train()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / STOP_FILE).touch()
    time.sleep(2.0)  # a thread asks the storage once a second
    result = stopped.train()
    assert (result["interrupted"], result["done"], result["epoch"]) == (True, True, 1)
    (tmp_path / "checkpoints" / STOP_FILE).unlink()
    resumed = run(worker(job(config, attempt=1, known_epochs=1)))
    assert rows(resumed) == rows(straight[1:])


def test_a_trial_whose_machine_is_taken_away_saves_and_ends_its_worker(worker, job, tiny, tmp_path):
    config = tiny.with_values(batch_size=4)
    straight = run(worker(job(config, storage="straight")))
    keys = job(config, attempt=2)
    leaving = worker(keys)
    leaving.train()
    folder = tmp_path / "checkpoints" / keys["trial_id"]
    folder.mkdir(parents=True)
    (folder / f"{LEAVE_FILE}-a2").touch()
    time.sleep(2.0)  # a thread asks the storage once a second
    with pytest.raises(HostLeavingError, match="is being taken away"):
        leaving.train()
    resumed = run(worker(job(config, attempt=3, known_epochs=1)))
    assert rows(resumed) == rows(straight[1:])


def test_a_long_epoch_is_saved_on_its_way(worker, job, tiny, tmp_path):
    log = tmp_path / "log"
    config = tiny.with_values(batch_size=8, epochs=1)
    run(worker(job(config, checkpoint_seconds=0.05, worker_log=str(log))))
    assert "saved checkpoint e0-a0-b" in log.read_text()
    assert names(job(config)) == ["e1-a0"]


def test_a_trial_that_diverges_is_a_result_with_the_worst_score(worker, job, tiny):
    result = worker(job(tiny.with_values(learning_rate=1e20))).train()
    assert (result["diverged"], result["done"], result["score"]) == (True, True, 0.0)
    assert result["epoch"] == 1
    assert result["epochs"] == []


def test_a_job_whose_name_is_not_its_configurations_is_refused(worker, job):
    with pytest.raises(ValueError, match="not dense-1M"):
        worker(job() | {"trial_id": "dense-1M"})


def test_code_that_calls_sys_exit_raises_and_what_ray_ends_does_end(worker, job):
    """Ray takes a worker that exits for lost, and its trial would be tried six times."""
    trial, of_ray = worker(job()), SystemExit(1)
    of_ray.ray_terminate_msg = "The process receives a SIGTERM."
    with pytest.raises(RuntimeError, match=r"sys\.exit\(3\)"), trial._explained():
        sys.exit(3)
    with pytest.raises(SystemExit), trial._explained():
        raise of_ray


def test_the_log_has_a_line_an_epoch_of_its_own_trial_only(worker, job, tiny, tmp_path):
    logs = [tmp_path / "first", tmp_path / "second"]
    reused = worker(job(worker_log=str(logs[0])))
    run(reused)
    reused.reset(job(tiny.with_values(seed=1), worker_log=str(logs[1])))
    run(reused)
    for log in logs:
        assert log.read_text().count(" epoch 1 ") == 1
        assert log.read_text().count(" epoch 2 ") == 1


RESETS = """
import json, sys
import psutil
from trainables import cifar_trainable
from trainables.cifar_trainable import CifarTrainable

first, *jobs = json.load(sys.stdin)
reused, used = CifarTrainable(first), []
for number, job in enumerate(jobs):
    reused.reset(job)
    if number % 10 == 0:
        reused.train()
        memory = psutil.Process().memory_info()
        used.append(memory.rss - memory.shared)
print(json.dumps(used))
"""


def test_memory_stays_flat_over_a_hundred_resets(job, tiny):
    """In a process of its own; the pages of libraries come and go, and are not counted."""
    config = tiny.with_values(train_images=64, epochs=1, width=8)
    jobs = [job(config), *(job(config.with_values(seed=seed)) for seed in range(100))]
    done = subprocess.run(
        [sys.executable, "-c", RESETS], input=json.dumps(jobs), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    used = json.loads(done.stdout.splitlines()[-1])
    assert used[-1] - used[3] < 8 * 2**20  # warm by then; a network is 0.5 MB


def test_an_epoch_beyond_its_deadline_ends_the_process_and_leaves_its_stacks(job, tiny, tmp_path):
    log = tmp_path / "log"
    config = tiny.with_values(width=16, train_images=None, batch_size=16)
    script = f"""
from trainables import cifar_trainable
from trainables.cifar_trainable import CifarTrainable
CifarTrainable({job(config, worker_log=str(log), epoch_deadline_seconds=0.2)!r}).train()
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=110, capture_output=True)
    assert ended.returncode == 1
    assert "Timeout" in log.read_text()
    assert "_train_epoch" in log.read_text()


def test_a_trained_trial_waits_for_its_storage_and_says_for_how_long(
    worker, job, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(cifar_trainable, "WAITING_REPORT_SECONDS", 0.2)
    config = tiny.with_values(epochs=1)
    keys = job(config, worker_log=str(tmp_path / "log"))
    blocker = tmp_path / "away"
    started = worker(keys | {"storage": blocker.as_uri()})
    blocker.write_text("a file where the folder should be")
    waiting = started.train()
    assert (waiting["epochs"], waiting["done"], waiting["epoch"]) == ([], False, 0)
    blocker.unlink()
    results = [waiting, *run(started)]
    assert rows(results) == rows(run(worker(job(config, storage="straight"))))
    assert results[-1]["storage_away_seconds"] == 0
    assert (blocker / keys["trial_id"] / "e1-a0" / "state.json").is_file()
    assert "the storage has taken nothing for" in (tmp_path / "log").read_text()
