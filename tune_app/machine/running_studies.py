"""The studies that run on this machine, for a warning where they need more than it has.

Each search keeps a small file in a folder of the user on this machine, never on a shared disk. A
file whose process has ended is ignored and removed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil

from trainables.files.whole_file import write_whole
from tune_app.machine.devices import Machine
from tune_app.machine.resources import TrialResources
from tune_app.record.lease import own_pid_namespace, process_runs


class RunningStudy(msgspec.Struct, frozen=True):
    """A running search: its folder, its number of concurrent trials, and their resources."""

    folder: str
    trials: int
    cpus: float
    gpus: float
    pid: int
    started_at: float
    pid_namespace: str

    @classmethod
    def of_this_process(cls, folder: Path, trials: int, resources: TrialResources) -> RunningStudy:
        """The search of this process."""
        process = psutil.Process()
        return cls(
            str(folder.absolute()),
            trials,
            resources.cpus,
            resources.gpus,
            process.pid,
            process.create_time(),
            own_pid_namespace(),
        )


@contextlib.contextmanager
def announced(study: RunningStudy) -> Iterator[None]:
    """Within, this search is announced to others, if the file can be written."""
    path = _folder() / f"{study.pid}-{study.pid_namespace.rpartition(':')[2]}.json"
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, msgspec.json.encode(study))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def running_studies() -> list[RunningStudy]:
    """The searches of other processes of this user on this machine."""
    studies = []
    with contextlib.suppress(OSError):
        if _folder().stat().st_uid != os.getuid():
            return []
        for path in sorted(_folder().glob("*.json")):
            study = _read(path)
            if study is not None and study.pid_namespace != own_pid_namespace():
                continue  # of another container: its processes are not visible
            if study is None or not process_runs(study.pid, study.started_at):
                path.unlink(missing_ok=True)
            elif study.pid != os.getpid():
                studies.append(study)
    return studies


def crowding(study: RunningStudy, others: Sequence[RunningStudy], machine: Machine) -> str:
    """A warning where a study and the running ones need more than the machine has; else ""."""
    others = [running for running in others if running.folder != study.folder]
    studies = [study, *others]
    demand = {
        "cores": (sum(running.trials * running.cpus for running in studies), machine.cpus),
        "GPUs": (sum(running.trials * running.gpus for running in studies), machine.gpus),
    }
    scarce = [
        f"{available} {resource}"
        for resource, (needed, available) in demand.items()
        if needed > available
    ]
    if not others or not scarce:
        return ""
    listed = ", ".join(
        f"{running.folder} (process {running.pid}, {running.trials} at once)" for running in others
    )
    verb, wait = ("runs", "it") if len(others) == 1 else ("run", "them")
    return (
        f"{listed} {verb} on this machine too, and together the studies need more than its "
        f"{' and '.join(scarce)}: epochs take longer and the recorded times mean less; wait for "
        f"{wait}, or share the machine with --max-concurrent in each"
    )


def _folder() -> Path:
    """The folder of this user's running searches, which may not exist."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    if runtime.is_dir() and os.access(runtime, os.W_OK):
        return runtime / "ranktune"
    temporary = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
    return temporary / f"ranktune-{os.getuid()}"


def _read(path: Path) -> RunningStudy | None:
    """The content of a file; None where it is damaged or gone."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunningStudy)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
