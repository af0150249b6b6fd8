"""NVIDIA's Multi-Process Service, where this machine lets a user start it.

Without it the kernels of two processes take turns on a card; with it they run beside each other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
WAIT_SECONDS = 20.0


class MpsUnavailable(RuntimeError):  # noqa: N818 (a property of the machine)
    """The service cannot be used here, and why."""


class Mps:
    """A running service. ``environment``: what its client processes are started with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def check_clients(self) -> None:
        """Raises MpsUnavailable unless some process computes through the service by now."""
        if not (servers := _ask("get_server_list", self.environment)).strip():
            raise MpsUnavailable(f"no process reached the service: {servers!r}")


@contextmanager
def mps() -> Iterator[Mps]:
    """The service for as long as this lasts; no setting of the card is changed.

    Raises:
        MpsUnavailable: it is not installed, or does not start.
    """
    if shutil.which(CONTROL) is None:
        raise MpsUnavailable(f"{CONTROL} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        names = {"CUDA_MPS_PIPE_DIRECTORY": "pipe", "CUDA_MPS_LOG_DIRECTORY": "log"}
        environment = {name: str(Path(folder) / place) for name, place in names.items()}
        for place in environment.values():
            Path(place).mkdir()
        _run(["-d"], environment)
        try:
            yield Mps(environment)
        finally:
            with contextlib.suppress(MpsUnavailable):  # what was measured counts all the same
                _ask("quit", environment)


def _ask(command: str, environment: Mapping[str, str]) -> str:
    return _run([], environment, command + "\n")


def _run(options: list[str], environment: Mapping[str, str], typed: str = "") -> str:
    try:
        done = subprocess.run(
            [CONTROL, *options],
            env={**os.environ, **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MpsUnavailable(f"{CONTROL}: {problem}") from problem
    if done.returncode:
        told = (done.stderr or done.stdout).strip()
        raise MpsUnavailable(f"{CONTROL} ended with status {done.returncode}: {told}")
    return done.stdout
