"""The recipe of Slurm, submitted to a real one: it starts a study, and goes on with it."""

import time

import pytest

from analysis.record.record import read_record
from analysis.record.rows import Epoch
from analysis.study.study import load_study
from tests.cluster.hosts import minutes_unless, network
from tests.cluster.slurm import RECIPE, Slurm, missing

pytestmark = minutes_unless(missing())

STUDY = "--space quickstart --set layer=dense,separable --set epochs=12 --estimating-seeds 0"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm") / "shared"
    with network(folder) as hosts:
        cluster = Slurm(hosts, folder)
        cluster.start()
        yield cluster


def test_a_job_that_is_cancelled_goes_on_when_it_is_submitted_again(slurm):
    command = f"--nodes 2 --time 15 {RECIPE} {STUDY}"
    first = slurm.submit(command)
    study = slurm.folder / "results" / "quickstart"
    wait_for_an_epoch(slurm, first, study)
    slurm.ask(f"scancel {first}")
    assert slurm.wait(first)[0] == "CANCELLED"

    second = slurm.submit(command)
    assert slurm.wait(second) == ("COMPLETED", "0:0"), slurm.log(second)
    assert set(load_study(study).trials["status"]) == {"finished"}
    epochs = [
        (row.trial_id, row.epoch) for row in read_record(study).rows if isinstance(row, Epoch)
    ]
    assert len(epochs) == len(set(epochs))
    assert "to run" in slurm.log(second)
    assert not list(slurm.folder.glob(".ray-token-*"))  # each job takes its own away


def wait_for_an_epoch(slurm, job, study):
    deadline = time.monotonic() + 300
    ledger = study / "ledger.jsonl"
    while not (ledger.exists() and b'"type":"epoch"' in ledger.read_bytes()):
        assert slurm.state(job)[0] in ("PENDING", "CONFIGURING", "RUNNING"), slurm.log(job)
        assert time.monotonic() < deadline, slurm.log(job)
        time.sleep(1)
