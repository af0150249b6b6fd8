"""Runs commands that need torch in a separate process, and caches answers. Standard library only.

Planning and reading a study do not import torch, and a network's code may print, exit or draw
random numbers.
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
    """The process has failed; ``problems`` lists the reasons."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def run_torch_command(arguments: Sequence[str], announcement: str) -> str:
    """The last line that ``python -m trainables ARGUMENTS`` prints.

    Args:
        arguments: a command of ``trainables`` and its arguments.
        announcement: what is being done, for the log.

    Raises:
        TorchProcessError: with the command's own problems.
    """
    logging.getLogger("ranktune").info("%s (once) …", announcement)
    # -P: modules in the present folder do not count as installed packages
    command = [sys.executable, "-P", "-m", "trainables", *arguments]
    process = subprocess.run(
        command, capture_output=True, text=True, check=False, env=child_environment()
    )
    lines = [line for line in process.stderr.strip().splitlines() if line]
    if process.returncode != 0:
        problems = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise TorchProcessError(problems or [lines[-1] if lines else f"{arguments[0]}: no answer"])
    return process.stdout.strip().rpartition("\n")[2]


def answer_file(kind: str, *question: Any) -> Path:
    """The cache file of an answer, named by the question's values and the libraries' versions."""
    content = json.dumps([*question, [library_version(name) for name in LIBRARIES]])
    digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    return user_cache() / kind / f"of-{digest}.json"


def library_version(library: str) -> str:
    """The installed version; "" where the library is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def store_answer(path: Path, text: str) -> None:
    """Stores an answer; does nothing where the cache cannot be written."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, {"answer": text})


def stored_answer(path: Path) -> str | None:
    """The stored answer; None where there is none, or it is damaged."""
    answer = (read_sealed(path) or {}).get("answer")
    return answer if isinstance(answer, str) else None
