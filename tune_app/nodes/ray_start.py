"""Ray starts in a thread of its own while the study is opened."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from tune_app.command.errors import RayLostError, UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.devices import this_machine
from tune_app.machine.resources import Node
from tune_app.nodes.cluster import prepare_environment, start, stop
from tune_app.nodes.ray_internals import keep_starting_workers, use_ready_workers

SHORTER_TMPDIR = "set RAY_TMPDIR to a folder with a shorter path, /tmp say"


class RayStart:
    """From entering on Ray is on its way; leaving ends it, unless it ran before.

    Five of the twelve seconds until a first epoch are Ray's: nothing waits for them that need not.
    The thread lives as long as Ray does: Linux kills Ray's processes when the thread that started
    them ends (PR_SET_PDEATHSIG), and that is also how they go when the driver is killed.
    """

    def __init__(self, options: RunOptions, preload: Sequence[str]) -> None:
        cpus = this_machine().cpus if options.address is None else None
        self._begin = partial(start, options.address, cpus=cpus, preload=preload)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ray start")
        self._started: Future[list[Node]]
        self._ours = True
        self._is_local = options.address is None

    def __enter__(self) -> RayStart:
        prepare_environment()
        import ray  # in the main thread: signal handlers can only be set there

        self._ours = not ray.is_initialized()
        self._started = self._pool.submit(self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        wait([self._started])
        if self._ours:
            stop()
        self._pool.shutdown()

    def nodes(self) -> list[Node]:
        """Waits for Ray.

        Raises:
            UsageError: where there is none to join.
            RayLostError: where it did not start.
        """
        try:
            found = self._started.result()
        except UsageError:
            raise
        except Exception as problem:
            remedy = f"; {SHORTER_TMPDIR}" if "AF_UNIX path" in str(problem) else ""
            raise RayLostError(f"Ray did not start: {problem}{remedy}") from problem
        keep_starting_workers()
        if self._is_local:
            use_ready_workers()
        return found

    def again(self) -> list[Node]:
        """Starts Ray anew after it broke, or joins its cluster anew.

        Raises:
            RayLostError: where that fails.
        """
        stop()
        self._started = self._pool.submit(self._begin)
        try:
            return self.nodes()
        except UsageError as problem:  # the command was right, and the cluster is gone
            raise RayLostError("; ".join(problem.problems)) from problem
