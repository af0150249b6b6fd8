"""Which studies run on this machine, so that the next one can say that the cores are taken.

Each search keeps a small file in a folder of the user on this machine, never on a shared disk. A
file whose process is gone counts for nothing and is removed.
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
    """A study that is searched here: its folder, how many trials at once, and what each takes."""

    folder: str
    trials: int
    cpus: float
    gpus: float
    pid: int
    started_at: float
    pid_namespace: str

    @classmethod
    def of_this_process(cls, folder: Path, trials: int, resources: TrialResources) -> RunningStudy:
        """What this process runs."""
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
    """Announces this search to others while it runs, where the file can be written."""
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
    """The studies that other processes of this user search on this machine."""
    found = []
    with contextlib.suppress(OSError):
        if _folder().stat().st_uid != os.getuid():
            return []
        for path in sorted(_folder().glob("*.json")):
            study = _read(path)
            if study is not None and study.pid_namespace != own_pid_namespace():
                continue  # of another container that shares the folder: it cannot be asked
            if study is None or not process_runs(study.pid, study.started_at):
                path.unlink(missing_ok=True)
            elif study.pid != os.getpid():
                found.append(study)
    return found


def crowding(study: RunningStudy, others: Sequence[RunningStudy], machine: Machine) -> str:
    """A warning where a study and the running ones take more than there is; "" where they fit."""
    others = [one for one in others if one.folder != study.folder]
    ones = [study, *others]
    taken = {
        "cores": (sum(one.trials * one.cpus for one in ones), machine.cpus),
        "GPUs": (sum(one.trials * one.gpus for one in ones), machine.gpus),
    }
    short = [f"{there} {what}" for what, (asked, there) in taken.items() if asked > there]
    if not others or not short:
        return ""
    listed = ", ".join(f"{one.folder} (process {one.pid}, {one.trials} at once)" for one in others)
    verb, wait = ("runs", "it") if len(others) == 1 else ("run", "them")
    return (
        f"{listed} {verb} on this machine too, and together the studies need more than its "
        f"{' and '.join(short)}: epochs take longer and the recorded times mean less; wait for "
        f"{wait}, or share the machine with --max-concurrent in each"
    )


def _folder() -> Path:
    """Of this user on this machine; it need not exist."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    if runtime.is_dir() and os.access(runtime, os.W_OK):
        return runtime / "ranktune"
    temporary = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
    return temporary / f"ranktune-{os.getuid()}"


def _read(path: Path) -> RunningStudy | None:
    """None where the file is damaged or gone."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunningStudy)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
