"""Two nodes and a shared folder: one dies, every trial completes."""

import threading
import time
from collections import Counter

import pytest
import ray
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated import autoscaler_pb2
from ray.util.placement_group import (
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from analysis.record.record import RecordError
from analysis.record.rows import Ended, Epoch, Started
from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, some_trials
from trainables.files.storage import join
from tune_app.command.errors import UsageError
from tune_app.machine.resources import TrialResources
from tune_app.nodes import cluster, refused_nodes, worker_logs
from tune_app.nodes.health import HealthCheck, ask_head
from tune_app.nodes.ray_internals import host_of_error
from tune_app.nodes.refused_nodes import placement_options
from tune_app.nodes.shared_storage import check_shared
from tune_app.nodes.worker_logs import _fetch
from tune_app.record.storage import StorageFolder

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


def test_no_trial_is_placed_on_a_node_that_refused(two_nodes, monkeypatch):
    _, second = two_nodes
    one_core = TrialResources(1.0)
    monkeypatch.setattr(refused_nodes, "refused_ids", {second.node_id})
    options = placement_options(one_core)
    groups = [placement_group([{"CPU": 1}], **options) for _ in range(3)]
    try:
        ray.get([group.ready() for group in groups[:2]], timeout=300)
        assert not groups[2].wait(2)  # the other node has two cores
        placed = {placement_group_table(group)["bundles_to_node_id"][0] for group in groups[:2]}
        assert second.node_id not in placed
    finally:
        for group in groups:
            remove_placement_group(group)
    monkeypatch.setattr(refused_nodes, "refused_ids", {node["NodeID"] for node in ray.nodes()})
    assert placement_options(one_core) == {}  # a search that every node refuses is to end


def test_the_health_settings_are_those_of_the_head(two_nodes):
    assert ask_head() == HealthCheck(1.0, 2.0, 3)


def test_the_end_of_a_failed_workers_log_comes_home(two_nodes, tmp_path, monkeypatch):
    """The node reads another text under the same path, as the disk of another host holds it."""
    _, second = two_nodes
    log = tmp_path / "trial.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    _fetch(log, "there", second.node_id)
    assert "there" not in log.read_text()  # it is the same file
    monkeypatch.setattr(worker_logs, "last_lines", lambda path: "Timeout: here it hung")
    _fetch(log, "there", second.node_id)
    assert log.read_text().endswith(f"the end of {log} on there\nTimeout: here it hung\n---\n")


def test_small_files_of_a_storage(tmp_path):
    storage = join(str(tmp_path), "study")
    folder = StorageFolder(storage)
    folder.write("STOP", b"because")
    assert folder.read("STOP") == b"because"
    folder.remove("STOP")
    with pytest.raises(FileNotFoundError, match="STOP"):
        folder.read("STOP")
    assert join("s3://bucket/a?scheme=http", "b") == "s3://bucket/a/b?scheme=http"


def test_a_node_that_is_drained_costs_no_epoch_and_one_line(two_nodes, tmp_path):
    nodes, _ = two_nodes
    third = nodes.add_node(num_cpus=2)
    engine = Engine(tmp_path)

    def drain():
        deadline = time.monotonic() + 200
        while not any(row.host for row in started(engine)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(2)
        client = GcsClient(address=nodes.address)
        until = int(time.time() * 1000) + 60_000
        preemption = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        accepted, reason = client.drain_node(third.node_id, preemption, "spot", until)
        assert accepted, reason

    drainer = threading.Thread(target=drain)
    drainer.start()
    outcome = engine.run(
        plan_of(some_trials(8)), {"seconds": 0.5}, slots=None, address=nodes.address,
        storage=str(tmp_path / "shared"),
    )  # fmt: skip
    drainer.join()
    nodes.remove_node(third)
    assert outcome.exit_code == 0, engine.lines
    assert sum("is about to be taken away" in line for line in engine.lines) == 1, engine.lines
    starts, ends = Counter(), Counter()
    for kind, counts in ((Started, starts), (Ended, ends)):
        counts.update((row.trial_id, row.attempt) for row in engine.of(kind))
    assert starts == ends  # every attempt is closed
    left = [row for row in engine.of(Ended) if row.kind == "drained_node"]
    assert left
    (shared,) = (tmp_path / "shared").glob("scripted-*")
    begun = Engine.trained_in(shared)
    assert sum(begun.values()) - len(begun) == len(left)  # the one that each broke off


def started(engine):
    try:
        return engine.of(Started)
    except RecordError:
        return []


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
    died = f"The actor died because its node has died. Node Id: {second.node_id}\n\tunexpectedly"
    ray.init(address=nodes.address, log_to_driver=False, ignore_reinit_error=True)
    assert host_of_error(died) == second.node_ip_address
    assert host_of_error("ray::Worker.__init__() (pid=7, ip=10.0.0.9, actor_id=1)") == "10.0.0.9"
    assert host_of_error("no word of a place") == ""
    (own,) = shared.glob("scripted*")  # a study's folder bears its id
    assert any(own.iterdir())
