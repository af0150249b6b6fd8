"""Two nodes and a shared folder: one dies, every trial completes."""

import threading
import time

import pytest
import ray
from ray.cluster_utils import Cluster

from analysis.record.rows import Epoch, Started
from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.errors import UsageError
from tune_app.nodes import cluster
from tune_app.nodes.shared_storage import check_shared
from tune_app.record.storage import join, read_file, remove_file, write_file

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def two_nodes():
    """For every test here; the one that kills a node comes last."""
    cluster.prepare_environment()
    patch = pytest.MonkeyPatch()
    for name, value in (("period_ms", 1000), ("timeout_ms", 2000), ("failure_threshold", 3)):
        patch.setenv(f"RAY_health_check_{name}", str(value))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    second = nodes.add_node(num_cpus=2)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes, second
    ray.shutdown()
    nodes.shutdown()
    patch.undo()


def test_storage_that_every_node_sees_passes_and_leaves_nothing(two_nodes, tmp_path):
    check_shared(str(tmp_path / "shared"))
    assert list((tmp_path / "shared").iterdir()) == []


def test_storage_that_a_node_cannot_use_is_refused_by_name(two_nodes, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(UsageError, match="cannot write to --storage"):
        check_shared(str(blocked / "below"))


def test_small_files_of_a_storage(tmp_path):
    storage = join(str(tmp_path), "study")
    write_file(storage, "STOP", "because")
    assert read_file(storage, "STOP") == "because"
    remove_file(storage, "STOP")
    with pytest.raises(OSError, match="STOP"):
        read_file(storage, "STOP")
    assert join("s3://bucket/a?scheme=http", "b") == "s3://bucket/a/b?scheme=http"


def test_a_node_killed_while_the_search_runs_costs_no_trial(two_nodes, tmp_path):
    nodes, second = two_nodes
    engine = Engine(tmp_path)
    trials = some_trials(12)
    shared = tmp_path / "shared"

    def kill_one_node():
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            ledger = engine.folder / "ledger.jsonl"
            if ledger.is_file() and b'"type":"epoch"' in ledger.read_bytes():
                break
            time.sleep(0.2)
        time.sleep(2)
        nodes.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_one_node)
    killer.start()
    outcome = engine.run(
        plan_of(trials), {"seconds": 0.4}, slots=None, address=nodes.address, storage=str(shared)
    )
    killer.join()
    assert outcome.exit_code == 0, engine.lines
    assert engine.statuses == {"finished": 12}
    epochs = [(row.trial_id, row.epoch) for row in engine.of(Epoch)]
    assert len(epochs) == len(set(epochs)) == 12 * 9
    assert len(engine.of(Started)) > 12  # those of the lost node were started again
    (own,) = shared.glob("scripted*")  # a study's folder bears its id
    assert any(own.iterdir())
