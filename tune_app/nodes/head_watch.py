"""Detects that the head of a joined cluster is gone, which Ray reports only after two minutes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from tune_app.machine.cluster_address import host_and_port


class HeadWatch:
    """Connects to the head's control store every ``period`` seconds, in a thread.

    Ray's client tries to reconnect silently for ``RAY_gcs_rpc_server_reconnect_timeout_s``, and
    then ends the process from C++. Here a head counts as gone when ``tries`` connections in a row
    are refused or not answered, which takes at most ``tries * (period + timeout)`` seconds. One
    that answers again is asked for its cluster (``ask``), since it may have been started anew:
    whatever Ray's client then sends ends the process from C++ as well.
    """

    def __init__(
        self,
        address: str,
        *,
        ask: Callable[[], str] = lambda: "",
        period: float = 1.5,
        timeout: float = 2.5,
        tries: int = 3,
    ) -> None:
        self.address = address
        self._target = host_and_port(address)
        self._period, self._timeout, self._tries = period, timeout, tries
        self._ask, self._cluster = ask, ask()
        self._is_another = self._is_in_doubt = False
        self._missed = 0
        self._answered_at = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._work, daemon=True, name="head watch").start()

    @property
    def problem(self) -> str:
        """Why the head counts as gone, in words; "" while it does not."""
        if self._is_another:
            return "was started anew, and knows nothing of this search"
        if self._missed < self._tries:
            return ""
        return f"has not answered for {time.monotonic() - self._answered_at:.0f} s"

    @property
    def is_in_doubt(self) -> bool:
        """Whether the head did not answer the last time, or another may: ask Ray nothing."""
        return self._is_in_doubt

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()

    def _work(self) -> None:
        while not self._closed.is_set():
            try:
                with socket.create_connection(self._target, timeout=self._timeout) as connection:
                    self._missed, self._answered_at = 0, time.monotonic()
                    if self._is_in_doubt:
                        self._tell_apart()
                    self._listen(connection)
            except OSError:
                self._missed += 1
                self._is_in_doubt = True
                self._closed.wait(self._period)

    def _listen(self, connection: socket.socket) -> None:
        """For a period; raises OSError at once when the head closes the connection, as it ends."""
        until = time.monotonic() + self._period
        while not self._closed.is_set() and (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(4096):
                    raise ConnectionResetError

    def _tell_apart(self) -> None:
        """Asks the head whose it is, where that was known before."""
        cluster = self._ask() if self._cluster else ""
        self._is_another = cluster not in ("", self._cluster)
        self._is_in_doubt = bool(self._cluster) and not cluster
