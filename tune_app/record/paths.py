"""The paths of a study folder."""

from __future__ import annotations

import datetime
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

from trainables.files.study_folder import CHECKPOINTS, LEDGER, LOGS, REPORT, STUDY, TENSORBOARD
from tune_app.command.options import RunOptions


@dataclass(frozen=True, slots=True)
class StudyPaths:
    """The layout of a study folder; creates nothing."""

    folder: Path

    @property
    def study(self) -> Path:
        """The study's description: space, options, versions, device, identity."""
        return self.folder / STUDY

    @property
    def ledger(self) -> Path:
        """The log of all events, one JSON object per line."""
        return self.folder / LEDGER

    @property
    def checkpoints(self) -> Path:
        """One folder per trial, named by its id."""
        return self.folder / CHECKPOINTS

    @property
    def logs(self) -> Path:
        """One text file per trial."""
        return self.folder / LOGS

    @property
    def tensorboard(self) -> Path:
        """One folder per trial, for ``tensorboard --logdir``."""
        return self.folder / TENSORBOARD

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / REPORT


def study_paths(options: RunOptions, space_name: str) -> StudyPaths:
    """The study folder ``<results-dir>/<name>``, absolute.

    ``name`` defaults to the space's; a preset's study has a name of its own, ``<space>-<preset>``.
    """
    results = options.results_dir.expanduser().absolute()
    if options.name or options.preset == "full":
        return StudyPaths(results / (options.name or space_name))
    own, plain = results / f"{space_name}-{options.preset}", StudyPaths(results / space_name)
    begun_so = not own.exists() and _preset(plain) == options.preset
    return plain if begun_so else StudyPaths(own)


def until_now(name: str) -> str:
    """The name for a file or folder that is moved aside now: the old one with the time."""
    return f"{name}.until-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def free_aside(path: Path) -> Path:
    """An unused path to move a file or folder aside to.

    A time may repeat, as when a clock is set back, and an existing file would be replaced.
    """
    name = until_now(path.name)
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    paths = (path.with_name(name) for name in names)
    return next(path for path in paths if not os.path.lexists(path))


def _preset(paths: StudyPaths) -> str:
    """The preset of a study; "" where none can be read.

    Studies with a preset formerly had the space's name, and can still be continued.
    """
    try:
        return str(json.loads(paths.study.read_text(encoding="utf-8"))["options"]["preset"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
