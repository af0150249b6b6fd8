"""Starts Ray in a thread, while the study is opened."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from tune_app.command.errors import RayLostError, UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.devices import this_machine
from tune_app.machine.resources import Node
from tune_app.nodes.cluster import prepare_environment, start, stop
from tune_app.nodes.tune_internals import (
    keep_free_workers,
    keep_starting_workers,
    survive_odd_losses,
    use_ready_workers,
)

SHORTER_TMPDIR = "set RAY_TMPDIR to a folder with a shorter path, /tmp say"


class RayStart:
    """A context: entering begins the start of Ray, leaving ends Ray, unless it ran before.

    Starting Ray takes seconds, in which the study is opened. The thread lives as long as Ray does:
    Linux ends Ray's processes with the thread that started them (PR_SET_PDEATHSIG), which is also
    how they end when the driver is killed.
    """

    def __init__(self, options: RunOptions, preload: Sequence[str]) -> None:
        cpus = this_machine().cpus if options.address is None else None
        self._begin = partial(start, options.address, cpus=cpus, preload=preload)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ray start")
        self._started: Future[list[Node]]
        self._is_own = True
        self._is_local = options.address is None

    def __enter__(self) -> RayStart:
        prepare_environment()
        import ray  # in the main thread, the only one that can set signal handlers

        self._is_own = not ray.is_initialized()
        self._started = self._pool.submit(self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        wait([self._started])
        if self._is_own:
            stop()
        self._pool.shutdown()

    def nodes(self) -> list[Node]:
        """Waits for Ray.

        Raises:
            UsageError: where there is no cluster to join.
            RayLostError: where Ray did not start.
        """
        try:
            started = self._started.result()
        except UsageError:
            raise
        except Exception as problem:
            remedy = f"; {SHORTER_TMPDIR}" if "AF_UNIX path" in str(problem) else ""
            raise RayLostError(f"Ray did not start: {problem}{remedy}") from problem
        keep_starting_workers()
        survive_odd_losses()
        if self._is_local:
            use_ready_workers()
            keep_free_workers()
        return started

    def again(self) -> list[Node]:
        """Starts Ray again after it failed, or joins its cluster again.

        Raises:
            RayLostError: where that fails.
        """
        stop()
        self._started = self._pool.submit(self._begin)
        try:
            return self.nodes()
        except UsageError as problem:  # the address was right, but the cluster is gone
            raise RayLostError("; ".join(problem.problems)) from problem
