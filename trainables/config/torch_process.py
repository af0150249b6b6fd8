"""Questions that only torch can answer, put to a process of its own. Standard library only.

What plans and reads a study imports no torch, and a network may print, exit or draw.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from trainables.config.installation import child_environment
from trainables.files.sealed import read_sealed, write_sealed
from trainables.files.user_cache import user_cache

LIBRARIES = ("torch", "torchvision", "timm")


class TorchProcessError(ValueError):
    """The process could not answer; ``problems`` lists why."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def ask(words: Sequence[str], announcement: str) -> str:
    """The last line that ``python -m trainables WORDS`` prints.

    Args:
        words: a command of ``trainables`` and its arguments.
        announcement: what is being done, for a person who waits for it.

    Raises:
        TorchProcessError: with the command's own problems.
    """
    logging.getLogger("ranktune").info("%s (once) …", announcement)
    # -P: what lies in the folder that the command is given in is no installed package
    command = [sys.executable, "-P", "-m", "trainables", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=child_environment()
    )
    lines = [line for line in done.stderr.strip().splitlines() if line]
    if done.returncode != 0:
        problems = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise TorchProcessError(problems or [lines[-1] if lines else f"{words[0]}: no answer"])
    return done.stdout.strip().rpartition("\n")[2]


def answer_file(kind: str, *question: Any) -> Path:
    """Where the answer to a question is kept; plain values and the libraries' versions name it."""
    content = json.dumps([*question, [library_version(name) for name in LIBRARIES]])
    digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    return user_cache() / kind / f"of-{digest}.json"


def library_version(library: str) -> str:
    """The version that is installed; "" for none."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def keep_answer(path: Path, text: str) -> None:
    """Stores an answer; a cache that cannot be written costs the time to ask again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, {"answer": text})


def kept_answer(path: Path) -> str | None:
    """The stored answer; None where there is none, or a damaged one."""
    found = (read_sealed(path) or {}).get("answer")
    return found if isinstance(found, str) else None
