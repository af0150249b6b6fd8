"""Starts Ray on this machine or joins a cluster, and lists the nodes."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from trainables.config.installation import child_environment
from trainables.files.user_cache import home
from trainables.training.checkpoints.time_limit import within
from tune_app.command.errors import UsageError
from tune_app.command.output import told_if_slow
from tune_app.machine.cluster_address import address_problem
from tune_app.machine.resources import Node
from tune_app.nodes.liveness import forget_head, watch_head
from tune_app.nodes.ray_internals import (
    cluster_id,
    draining_nodes,
    fewer_processes,
    head_address,
    on_loopback,
    patient_start,
    shield_from_signals,
    silence_raylet,
)
from tune_app.nodes.token import keep_token_without_home, tighten_token
from tune_app.session.signal_handler import signals_kept

ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # a call without Ray raises instead of starting Ray
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "120",  # the watchdog closes the record first
    "RAY_agent_register_timeout_ms": "120000",  # a loaded machine takes longer than 30 s
    "RAY_worker_niceness": "0",  # by default 15: beside whatever else computes, trials stand still
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # else Tune restarts a drained attempt itself
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the study handles interruptions itself
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger is the log
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # the ledger is the state
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",
    "TUNE_WARN_THRESHOLD_S": "10",
    "TUNE_MAX_LEN_IDENTIFIER": "60",
}
"""Settings that reduce Ray's output and bookkeeping; set before Ray is imported."""

OF_OTHER_PROGRAMS = {"RAY_AIR_LOCAL_CACHE_DIR"}
"""Variables of Tune's that it refuses, beside those whose names begin with ``TUNE_``."""

STARTS = 3

START_SECONDS = 120.0
"""Time limit of one start. Ray's own limit is 30 s, too short for a busy machine, and a second
attempt costs another start."""

JOIN_SECONDS = 120.0
"""Time limit for joining a cluster, which Ray does not have."""

IDLE_SECONDS = 60
"""How long a ready worker waits for its trial. Ray's default is 1 s, after which it ends the worker
and has to start another."""

STORE_BYTES = 300_000_000
"""Size of the object store, for CIFAR-10 (200 MB with four bytes per pixel) and small results.
Ray's default is 30 % of the memory."""

SPILL_ABOVE = 1.0
"""The full part of the store above which Ray copies objects to disk. By its default of .8, two more
workers copied all of CIFAR-10 while the first trials were to start."""


SOCKET_BYTES = 107
SOCKET = "session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""The longest path of a socket in Linux, and the part of it below Ray's folder."""


def prepare_environment() -> None:
    """Sets Ray's environment variables that are not set yet, and those of Tune whatever they were.

    The latter are for other programs: ``TUNE_RESULT_DIR`` ends a search, a buffer of results delays
    what is seen of it. Workers import the project before Ray tells them the driver's import path.
    """
    for name in OF_OTHER_PROGRAMS.union(name for name in os.environ if name.startswith("TUNE_")):
        os.environ.pop(name, None)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    os.environ.update(child_environment())
    os.environ.setdefault("HOME", str(home()))  # Ray expands ~ when it is imported


def start(
    address: str | None,
    *,
    cpus: float | None = None,
    gpus: float | None = None,
    preload: Sequence[str] = (),
    store_bytes: int = STORE_BYTES,
) -> list[Node]:
    """Joins the cluster at ``address``, or starts Ray on this machine; returns the nodes.

    ``cpus`` and ``gpus`` override the numbers that Ray finds here, and may be larger.

    Raises:
        UsageError: where no cluster answers at ``address``.
    """
    prepare_environment()
    import ray

    if not ray.is_initialized():
        silence_raylet()
        with signals_kept():
            if address is None:
                _start_here(cpus, gpus, preload, store_bytes)
            else:
                _join(address)
        tighten_token()
        logging.getLogger("ray").setLevel(logging.CRITICAL)  # a second start in a process resets it
    return nodes()


def private_temp_dir() -> Path:
    """The folder of Ray's sockets and logs, which no other user can enter.

    Ray deliberately makes its own folders writable for everyone, but anyone who can replace a
    socket, or a file that Ray unpickles, can run code. A socket's path has at most 107 bytes: with
    a longer TMPDIR the folder is in /tmp.
    """
    within = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    name = f"ranktune-{os.getuid()}"
    too_long = len(os.fsencode(within / name / "ray" / SOCKET)) > SOCKET_BYTES
    if too_long and "RAY_TMPDIR" not in os.environ and os.access("/tmp", os.W_OK):
        within = Path("/tmp")
    within.mkdir(parents=True, exist_ok=True)
    private = within / name
    with contextlib.suppress(FileExistsError):
        private.mkdir(mode=0o700)
    status = private.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_own:
        private = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=within))
    private.chmod(0o700)
    return private / "ray"


def _join(address: str) -> None:
    if problem_text := address_problem(address):
        raise UsageError([problem_text])
    try:
        head = head_address(address)
        if problem_text := address_problem(address, head):
            raise UsageError([problem_text])
        with told_if_slow("waiting for the Ray cluster at %s, up to %.0f s", head, JOIN_SECONDS):
            within(JOIN_SECONDS, partial(_connect, head))
    except UsageError:
        raise
    except (OSError, ValueError, RuntimeError) as problem:
        forget_head()
        raise UsageError([f"--address {address}: {join_problem(str(problem))}"]) from problem


def join_problem(message: str) -> str:
    """What is wrong with a cluster, and the remedy, by Ray's ``message`` of several lines."""
    reason = " ".join(message.split())
    if reason.startswith("Version mismatch"):
        return f"{reason}. Install the same Ray and Python on both sides"
    # Ray says so in its own log alone; `ray start` asks for one unless it is told otherwise
    token = "; should it ask for a token, set RAY_AUTH_MODE=token here, as its recipe does"
    is_refused = reason.startswith("Failed to connect")
    sends_none = os.environ.get("RAY_AUTH_MODE") != "token"
    return f"no Ray cluster answers there: {reason}{token if is_refused and sends_none else ''}"


def _connect(head: str) -> None:
    """Watches the head first: should it go away now, Ray waits for it without a word."""
    import ray

    watch_head(head)
    ray.init(address=head, log_to_driver=False, logging_level="ERROR")
    watch_head(head, ask=partial(cluster_id, head))


def _start_here(
    cpus: float | None, gpus: float | None, preload: Sequence[str], store_bytes: int
) -> None:
    import ray

    shield_from_signals()
    keep_token_without_home()
    for attempt in range(STARTS):
        try:
            with on_loopback(), fewer_processes(), patient_start(_raylet_lives, START_SECONDS):
                ray.init(
                    address="local",  # else Ray might join a cluster that it finds
                    num_cpus=cpus,
                    num_gpus=gpus,
                    object_store_memory=store_bytes,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="ERROR",
                    _temp_dir=str(private_temp_dir()),
                    _system_config={
                        "preload_python_modules": list(preload),
                        "idle_worker_killing_time_threshold_ms": IDLE_SECONDS * 1000,
                        "object_spilling_threshold": SPILL_ABOVE,
                    },
                )
            return
        except Exception:  # after any error another start may succeed
            stop()
            _end_leftovers()
            if attempt == STARTS - 1:
                raise
            time.sleep(2.0 * (attempt + 1))


def _running_children(*names: str) -> list[psutil.Process]:
    """The running children of this process with these names."""
    running = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name() in names and child.status() != psutil.STATUS_ZOMBIE:
                running.append(child)
    return running


def _raylet_lives() -> bool:
    return bool(_running_children("raylet"))


def _end_leftovers() -> None:
    """Ends Ray's processes that a failed start has left running."""
    processes = _running_children("gcs_server", "raylet")
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def stop() -> None:
    """Disconnects from Ray, and ends the Ray that this process started."""
    import ray

    with signals_kept(), contextlib.suppress(Exception):
        ray.shutdown()
    forget_head()  # only now: without its head Ray may not return


def nodes() -> list[Node]:
    """The nodes that are alive and not being drained, largest first."""
    import ray

    leaving = draining_nodes()
    alive = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in leaving]
    found = [
        Node(
            name=str(node["NodeManagerAddress"]),
            cpus=float(node["Resources"].get("CPU", 0.0)),
            gpus=float(node["Resources"].get("GPU", 0.0)),
            custom=_custom(node["Resources"]),
            id=str(node["NodeID"]),
        )
        for node in alive
    ]
    return sorted(found, key=lambda node: (-node.gpus, -node.cpus))


STANDARD_RESOURCES = ("CPU", "GPU", "memory", "object_store_memory")
"""Resources that every node has; ``node:…`` is a node's own address."""


def _custom(resources: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    custom = (
        name
        for name in sorted(resources)
        if name not in STANDARD_RESOURCES and not name.startswith("node:")
    )
    return tuple((name, float(resources[name])) for name in custom)
