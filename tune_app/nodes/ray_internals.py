"""Everything here reaches behind Ray's public interface; nothing else in the project does.

Tried with Ray 2.60; ``pyproject.toml`` bounds Ray accordingly. ``missing_internals`` names
what a newer Ray has taken away. Ray is imported inside the functions: it takes seconds.
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
    r"its node has died\. Node Id: (?P<id>\w+)|\(pid=\d+, ip=(?P<ip>[^,)]+)"
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
    "ray._private.services:ConsolePopen": "shield_from_signals",
    "ray._raylet:GcsClient": "patient_start",
    "ray._raylet:NodeID.from_hex": "patient_start",
    "ray._private.state:actors": "place_of_actor",
    "ray._private.state:state.get_draining_nodes": "draining_nodes",
    "ray._raylet:Config.health_check_period_ms": "health_check",
    "ray._raylet:Config.health_check_timeout_ms": "health_check",
    "ray._raylet:Config.health_check_failure_threshold": "health_check",
    "ray.actor:ActorHandle._actor_id": "place_of_actor",
    "ray.tune.execution.class_cache:_ActorClassCache.get": "use_ready_workers",
    "ray.tune.execution.tune_controller:TuneController._maybe_reuse_cached_actor": (
        "keep_starting_workers"
    ),
}
"""What is used of Ray's own, as ``module:name``, and the function here that does."""


def missing_internals() -> list[str]:
    """A sentence for each name that the installed Ray lacks; empty where all are there."""
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
                f"Ray {ray.__version__} has no {path}, which {__name__}.{user} needs (tried with "
                f"{TRIED}): find what replaces it, or bound ray below {ray.__version__}"
            )
    return sentences


# The start of Ray.


def silence_raylet() -> None:
    """Keeps what a raylet reports off standard output: forty lines of a dump when it ends.

    No option of Ray's does. The search says in its own words what came of it.
    """
    from ray._private import worker

    worker.print_to_stdstream = lambda *arguments, **options: None


SPARED = ("start_monitor", "start_log_monitor", "start_api_server")
"""Of Ray's processes on one machine: the autoscaler, the log forwarder and the dashboard (which
``include_dashboard=False`` only makes smaller). Together 3.5 s of a core at every start."""


@contextlib.contextmanager
def fewer_processes() -> Iterator[None]:
    """Ray has no option for it."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in SPARED if hasattr(Node, name)}
    for name in before:
        setattr(Node, name, lambda *arguments, **options: None)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """A node that starts meanwhile has the address 127.0.0.1, and listens on it alone.

    By any other address Ray listens on every interface, and it takes 127.0.0.1, where it is given
    that, for the machine's own. Where there can be no cluster, as on macOS, it leaves it alone.
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
    """Asks for a node as long as its raylet lives, up to ``seconds``; Ray asks 30 s, dead or alive.

    The control store's list comes first: Ray's own question has no limit below half a minute.
    """
    from ray._private import services
    from ray._raylet import GcsClient, NodeID

    ask = services.get_node

    def patiently(gcs_address: str, node_id: str) -> Any:
        store = GcsClient(address=gcs_address)
        until = time.monotonic() + seconds
        while NodeID.from_hex(node_id) not in store.get_all_node_info(timeout=seconds):
            if not raylet_lives():
                raise RayLostError("Ray's raylet ended as it started")
            if time.monotonic() > until:
                raise RayLostError(f"Ray's raylet was not ready after {seconds:.0f} s")
            time.sleep(0.05)
        return ask(gcs_address, node_id)

    services.get_node = patiently
    try:
        yield
    finally:
        services.get_node = ask


def shield_from_signals() -> None:
    """Gives Ray's processes a session of their own.

    A terminal, ``timeout`` or a batch system signals the whole process group; Ray's processes would
    end before the trials had saved. They still go with the driver (PR_SET_PDEATHSIG).
    """
    from ray._private import services

    class SessionPopen(subprocess.Popen):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "start_new_session": True})

    if issubclass(getattr(services, "ConsolePopen", int), subprocess.Popen):
        services.ConsolePopen = SessionPopen


# Ray as it runs.


def ended_processes() -> list[str]:
    """Names of Ray's own processes that this process started and that have ended."""
    from ray._private import worker

    started = worker._global_node
    return [str(name) for name, _ in started.dead_processes()] if started else []


def place_of_actor(actor: Any) -> tuple[str, str]:
    """Address and id of the node that an actor runs on; "" where Ray's control store is silent."""
    from ray._private import state

    try:
        about = state.actors(actor._actor_id.hex())
        return str(about["Address"]["IPAddress"]), str(about["Address"]["NodeID"])
    except Exception:
        return "", ""


def host_of_error(error: str) -> str:
    """Address of the node that Ray says has died, or where a worker raised; "" for none.

    An actor that was still starting has no place on record but this one.
    """
    import ray

    found = _NODE_OF_ERROR.search(error)
    if found is None or found["ip"]:
        return str(found["ip"]) if found else ""
    known = {node["NodeID"]: str(node["NodeManagerAddress"]) for node in ray.nodes()}
    return known.get(found["id"], "")


def draining_nodes() -> dict[str, float]:
    """Ids of the nodes that are about to be taken away; until when, in seconds since 1970.

    0 where Ray was told no time. Empty where it does not say.
    """
    from ray._private import state

    try:
        return {node: until / 1000 for node, until in state.state.get_draining_nodes().items()}
    except Exception:
        return {}


def health_check() -> tuple[int, int, int]:
    """Period and timeout in milliseconds, and threshold, as Ray's processes here were started.

    Those of the cluster where this runs on its head: environment variables are each machine's own.
    """
    from ray._raylet import Config

    return (
        int(Config.health_check_period_ms()),
        int(Config.health_check_timeout_ms()),
        int(Config.health_check_failure_threshold()),
    )


# Which worker process a trial gets: two habits of Tune's that Ray has no option for.


def use_ready_workers() -> None:
    """Lets trials run in the workers that Ray starts, and that preload torch, before it is asked.

    Tune gives its actors two environment variables of no use here, and Ray then starts a process
    anew for each slot: the ones that wait, with other variables, do not fit.
    """
    import ray
    from ray.tune.execution.class_cache import _ActorClassCache

    def get(self: _ActorClassCache, trainable: type) -> Any:
        if trainable not in self._cache:
            self._cache[trainable] = ray.remote(trainable)
        return self._cache[trainable]

    _ActorClassCache.get = get


def keep_starting_workers() -> None:
    """Leaves a trial whose worker is starting to that worker, while others may take a free one.

    Tune gives the free one to whichever trial waits and ends the process that was starting for it:
    where trials are over sooner than a worker has started, a lost worker's slot stayed empty.
    """
    from ray.tune.execution.tune_controller import TuneController

    take_cached_actor = TuneController._maybe_reuse_cached_actor
    if getattr(take_cached_actor, "is_ranktune", False):
        return

    def reuse_cached_actor(self: TuneController, trial: Any) -> bool:
        manager, search = self._actor_manager, self._search_alg
        requested = self._trial_to_actor.get(trial)
        starting = requested in manager._live_actors_to_ray_actors_resources
        if starting and trial not in self._resetting_trials and not search.is_finished():
            return False
        return bool(take_cached_actor(self, trial))

    reuse_cached_actor.is_ranktune = True  # type: ignore[attr-defined]
    TuneController._maybe_reuse_cached_actor = reuse_cached_actor
