"""A storage that is away while networks train: nothing is redone, and the terminal says it."""

import os
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Started
from tests.bucket import Bucket
from tests.tune_app.workload import plan_of, planned, space
from tune_app.command.options import RunOptions
from tune_app.engine.runner_config import RunnerConfig
from tune_app.study.run_study import run_study

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

DATA = {"dataset": "digits", "train_images": 100, "validation_images": 50, "batch_size": 50}
SECONDS = float(os.environ.get("RANKTUNE_OUTAGE_SECONDS", "20"))
EPOCHS = int(20 * SECONDS)


@pytest.fixture
def bucket():
    with Bucket() as running:
        yield running


def strike(bucket: Bucket, fault: str, ledger: Path, when: list[float]) -> None:
    """Switches the fault on once a few epochs are on record, and off again."""
    while not (ledger.exists() and ledger.read_bytes().count(b'"type":"epoch"') > 5):
        time.sleep(0.1)
    when.append(time.time())
    bucket.fault = fault
    time.sleep(SECONDS)
    bucket.fault = ""
    when.append(time.time())


@pytest.mark.parametrize("fault", ["503", "hangs", "full"])
def test_training_goes_on_and_nothing_is_redone(ray_here, bucket, fault, tmp_path, lines):
    """RANKTUNE_OUTAGE_SECONDS=300 makes it five minutes."""
    trial = planned(**DATA, epochs=EPOCHS)
    fixed = {"layer": "low_rank", "rank": 4, "width": 8, "dataset": "digits"}
    options = RunOptions(
        space="outage",
        results_dir=tmp_path,
        name="study",
        storage=bucket.uri(tmp_path.name),  # moto keeps what earlier servers held
        max_concurrent=1,
        max_failures=0,
        checkpoint_seconds=2.0,
    )
    ledger, when = tmp_path / "study" / "ledger.jsonl", []
    striker = threading.Thread(target=strike, args=(bucket, fault, ledger, when))
    striker.start()
    plan = plan_of([trial], space=space(fixed=fixed))
    assert run_study(plan, options, RunnerConfig(report=False)).exit_code == 0, lines
    striker.join()
    rows = read_record(tmp_path / "study").rows
    epochs = [row for row in rows if isinstance(row, Epoch)]
    assert [row.epoch for row in epochs] == list(range(1, EPOCHS + 1))
    assert sum(isinstance(row, Started) for row in rows) == 1
    assert [row.status for row in rows if isinstance(row, Ended)] == ["finished"]
    trained = [row.time for row in epochs if when[0] < row.time < when[1]]
    assert len(trained) > 10
    assert max(after - before for before, after in pairwise(trained)) < 10
    told = [line for line in lines if "has taken nothing for" in line]
    assert len(told) == 1, lines
    assert any("the storage answers again after" in line for line in lines), lines
    assert not any("secret" in line for line in lines)
