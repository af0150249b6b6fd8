"""Ray's internals, outside of its public interface; Tune's are in ``tune_internals``.

They were tried with Ray 2.60, and ``pyproject.toml`` bounds Ray accordingly. ``missing_internals``
lists those that the installed Ray lacks. Ray is imported inside the functions: it takes seconds.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from tune_app.command.errors import RayLostError

TRIED = ">=2.60,<2.61"

_NODE_OF_ERROR = re.compile(
    r"its node has died\. Node Id: (?P<id>\w+)"
    r"|(?:\(pid=\d+, ip=|\n\s*ip: |Memory on the node \(IP: )(?P<ip>[^,)\s]+)"
)

INTERNALS: dict[str, str] = {
    "ray._private.worker:print_to_stdstream": "silence_raylet",
    "ray._private.worker:_global_node": "ended_processes",
    "ray._private.node:Node.dead_processes": "ended_processes",
    "ray._private.node:Node.start_monitor": "fewer_processes",
    "ray._private.node:Node.start_log_monitor": "fewer_processes",
    "ray._private.node:Node.start_api_server": "fewer_processes",
    "ray._private.ray_constants:ENABLE_RAY_CLUSTER": "on_loopback",
    "ray._private.services:get_node": "patient_start",
    "ray._private.services:canonicalize_bootstrap_address_or_die": "head_address",
    "ray._private.services:ConsolePopen": "shield_from_signals",
    "ray._raylet:GcsClient": "patient_start",
    "ray._raylet:NodeID.from_hex": "patient_start",
    "ray._private.state:actors": "place_of_actor",
    "ray._private.state:state.get_draining_nodes": "draining_nodes",
    "ray._raylet:Config.health_check_period_ms": "health_check",
    "ray._raylet:Config.health_check_timeout_ms": "health_check",
    "ray._raylet:Config.health_check_failure_threshold": "health_check",
    "ray.actor:ActorHandle._actor_id": "place_of_actor",
    "ray.air.execution._internal.actor_manager:RayActorManager._actor_task_failed": (
        "survive_odd_losses"
    ),
    "ray.tune.execution.class_cache:_ActorClassCache.get": "use_ready_workers",
    "ray.tune.execution.experiment_state:out_of_band_serialize_dataset": "import_tune",
    "ray.tune.execution.tune_controller:TuneController._maybe_reuse_cached_actor": (
        "keep_starting_workers"
    ),
    "ray.tune.utils.object_cache:_ObjectCache.cache_object": "keep_free_workers",
    "ray.tune.utils.object_cache:_ObjectCache.flush_cached_objects": "keep_free_workers",
}
"""The internals in use, as ``module:name``, each with the function of this room that uses it."""


def missing_internals() -> list[str]:
    """A sentence for each internal that the installed Ray lacks; empty where it has all."""
    import ray

    sentences = []
    for path, user in INTERNALS.items():
        module, _, names = path.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for name in names.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError):
            sentences.append(
                f"Ray {ray.__version__} has no {path}, which {user} in {__package__} needs "
                f"(tried with {TRIED}): find what replaces it, or bound ray below {ray.__version__}"
            )
    return sentences


# While Ray starts.


def silence_raylet() -> None:
    """Keeps a raylet's reports off standard output, such as forty lines when it ends.

    Ray has no option for this. The search reports the end of a raylet itself.
    """
    from ray._private import worker

    worker.print_to_stdstream = lambda *arguments, **options: None


SPARED = ("start_monitor", "start_log_monitor", "start_api_server")
"""Processes that Ray does not need on one machine: autoscaler, log forwarder and dashboard (which
``include_dashboard=False`` only makes smaller). They take 3.5 core seconds at every start."""


@contextlib.contextmanager
def fewer_processes() -> Iterator[None]:
    """Within, Ray starts without the processes of ``SPARED``, for which it has no option."""
    from ray._private.node import Node

    originals = {name: getattr(Node, name) for name in SPARED if hasattr(Node, name)}
    for name in originals:
        setattr(Node, name, lambda *arguments, **options: None)
    try:
        yield
    finally:
        for name, method in originals.items():
            setattr(Node, name, method)


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Within, a node that starts has the address 127.0.0.1, and listens only there.

    With any other address Ray listens on every interface, and it replaces a given 127.0.0.1 by the
    machine's own address. Only where it supports no clusters, as on macOS, does it keep it.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def patient_start(raylet_lives: Callable[[], bool], seconds: float) -> Iterator[None]:
    """Within, Ray waits for a node while its raylet lives, up to ``seconds``, instead of 30 s.

    The control store's list is read first, because Ray's own call takes up to half a minute.
    """
    from ray._private import services
    from ray._raylet import GcsClient, NodeID

    original = services.get_node

    def get_node_when_ready(gcs_address: str, node_id: str) -> Any:
        store = GcsClient(address=gcs_address)
        until = time.monotonic() + seconds
        while NodeID.from_hex(node_id) not in store.get_all_node_info(timeout=seconds):
            if not raylet_lives():
                raise RayLostError("Ray's raylet ended as it started")
            if time.monotonic() > until:
                raise RayLostError(f"Ray's raylet was not ready after {seconds:.0f} s")
            time.sleep(0.05)
        return original(gcs_address, node_id)

    services.get_node = get_node_when_ready
    try:
        yield
    finally:
        services.get_node = original


def shield_from_signals() -> None:
    """From here on, Ray's processes start in a session of their own.

    A terminal, ``timeout`` or a batch system signals the whole process group, which would end Ray's
    processes before the trials have saved. They still end with the driver (PR_SET_PDEATHSIG).
    """
    from ray._private import services

    class SessionPopen(subprocess.Popen):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "start_new_session": True})

    if issubclass(getattr(services, "ConsolePopen", int), subprocess.Popen):
        services.ConsolePopen = SessionPopen


# While Ray runs.


def ended_processes() -> list[str]:
    """The names of Ray's processes that this process started and that have ended."""
    from ray._private import worker

    started = worker._global_node
    return [str(name) for name, _ in started.dead_processes()] if started else []


def head_address(address: str) -> str:
    """HOST:PORT where Ray looks for the head: auto, or a name of this host, stands for another.

    Raises:
        OSError: no cluster was started on this machine.
    """
    from ray._private import services

    return str(services.canonicalize_bootstrap_address_or_die(address))


def cluster_id(address: str) -> str:
    """Which cluster answers at a head's address: one that is started anew has another id.

    "" where it does not answer in time.
    """
    from ray._raylet import GcsClient

    try:
        return str(GcsClient(address=address).cluster_id.hex())
    except Exception:  # Ray may raise anything here
        return ""


def place_of_actor(actor: Any) -> tuple[str, str]:
    """Address and id of the node that an actor runs on; "" where Ray does not answer."""
    from ray._private import state

    try:
        record = state.actors(actor._actor_id.hex())
        return str(record["Address"]["IPAddress"]), str(record["Address"]["NodeID"])
    except Exception:
        return "", ""


def host_of_error(error: str) -> str:
    """The address in an error of Ray: of a node or actor that died, or where a worker raised.

    Else "".

    For an actor that was still starting this is the only record of its node.
    """
    import ray

    match = _NODE_OF_ERROR.search(error)
    if match is None or match["ip"]:
        return str(match["ip"]) if match else ""
    addresses = {node["NodeID"]: str(node["NodeManagerAddress"]) for node in ray.nodes()}
    return addresses.get(match["id"], "")


def draining_nodes() -> dict[str, float]:
    """By id of each node that is about to be taken away, the time, in seconds since 1970.

    0 where Ray has no time. Empty where Ray does not answer.
    """
    from ray._private import state

    try:
        return {node: until / 1000 for node, until in state.state.get_draining_nodes().items()}
    except Exception:
        return {}


def health_check() -> tuple[int, int, int]:
    """Period and timeout in milliseconds, and threshold, of Ray's processes on this machine.

    They are the cluster's if this runs on its head, since each machine has its own environment.
    """
    from ray._raylet import Config

    return (
        int(Config.health_check_period_ms()),
        int(Config.health_check_timeout_ms()),
        int(Config.health_check_failure_threshold()),
    )
