"""A study for TensorBoard: one run per trial, scalars for each epoch, one HParams table.

``tensorboard --logdir <study>/tensorboard`` shows it during the search.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Planned
from analysis.record.status import TrialStatus
from analysis.tensorboard import event_file
from analysis.tensorboard.events import (
    Conditions,
    end_event,
    epoch_event,
    is_end,
    schema_events,
    start_event,
)
from trainables.files.study_folder import TENSORBOARD

if TYPE_CHECKING:
    from analysis.study.study import Study


class TensorBoardLog:
    """Writes a study's event files during the search, from the ledger's rows.

    Rows may be repeated (a resumed search announces its trials again, a retried trial repeats an
    epoch); each step is written once. ``folder`` is the study's ``tensorboard`` folder, which is
    created with the first row.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._runs: dict[str, _Run] = {}
        self._keys: tuple[str, ...] | None = None

    def trial(self, planned: Planned, searched_keys: Iterable[str]) -> None:
        """Announces a trial with the values of its searched keys, and its seed.

        Keys of a space that do not exist for the trial are left out.
        """
        keys = _with_seed(searched_keys)
        if keys != self._keys:
            write_schema(self.folder, keys)
            self._keys = keys
        path = self._run(planned.trial_id).path
        if not path.is_file():
            event_file.append(path, start_event(planned, keys, conditions(searched_keys)))

    def epoch(self, row: Epoch) -> None:
        """Adds an epoch's scalars, unless they are already written."""
        self._run(row.trial_id).add_epoch(row)

    def ended(self, row: Ended) -> None:
        """Writes the end of a trial, unless it will be continued."""
        if _is_final(row):
            self._run(row.trial_id).add_end(row)

    def close(self) -> None:
        """Forgets the trials; no file stays open between two rows."""
        self._runs.clear()

    def __enter__(self) -> TensorBoardLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, trial_id: str) -> _Run:
        if trial_id not in self._runs:
            self._runs[trial_id] = _Run(self.folder / trial_id / event_file.NAME)
        return self._runs[trial_id]


class _Run:
    """One trial's event file: its last step, and whether it has the trial's end."""

    __slots__ = ("ended", "path", "step")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.step: int | None = None  # None until the file has been read
        self.ended = False

    def add_epoch(self, row: Epoch) -> None:
        if row.epoch <= self._reached():
            return
        if self.ended:  # it continues, and TensorBoard would show its first end for ever
            event_file.remove(self.path, is_end)
            self.ended = False
        event_file.append(self.path, epoch_event(row))
        self.step = row.epoch

    def add_end(self, row: Ended) -> None:
        self._reached()
        if not self.ended:
            event_file.append(self.path, end_event(row))
            self.ended = True

    def _reached(self) -> int:
        if self.step is None:
            events = event_file.repair(self.path)
            self.step = max((event.step for event in events), default=0)
            self.ended = any(map(is_end, events))
        return self.step


def write_tensorboard(study: Study) -> Path:
    """Rebuilds a study's event files from its ledger; returns their folder."""
    folder = study.folder / TENSORBOARD
    fresh = folder.with_name(f"{TENSORBOARD}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    keys = searched_keys(study.info)
    write_schema(fresh, keys)
    when = conditions((study.info.get("space") or {}).get("keys"))
    for trial_id, events in _events_by_trial(study.folder, keys, when).items():
        event_file.replace(fresh / trial_id / event_file.NAME, event_file.encode(events))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def searched_keys(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The searched keys of a ``study.json``, and the seed."""
    return _with_seed((info.get("space") or {}).get("keys") or ())


def conditions(keys: Any) -> Conditions:
    """The condition (``when``) of each key of a space; empty for a plain list of keys."""
    if not isinstance(keys, Mapping):
        return {}
    return {
        name: (key.get("when") or {}) if isinstance(key, Mapping) else key.when
        for name, key in keys.items()
    }


def _with_seed(keys: Iterable[str]) -> tuple[str, ...]:
    """The names with the seed, which replicates vary even if the space does not name it."""
    return tuple(dict.fromkeys((*keys, "seed")))


def _events_by_trial(
    study: Path, keys: tuple[str, ...], when: Conditions
) -> dict[str, list[Event]]:
    """Each trial's events; of a repeated epoch the last one counts."""
    starts: dict[str, Event] = {}
    epochs: dict[str, dict[int, Event]] = {}
    ends: dict[str, list[Event]] = {}
    for row in read_record(study).rows:
        if isinstance(row, Planned):
            starts[row.trial_id] = start_event(row, keys, when)
        elif isinstance(row, Epoch):
            epochs.setdefault(row.trial_id, {})[row.epoch] = epoch_event(row)
        elif isinstance(row, Ended):
            ends[row.trial_id] = [end_event(row)] if _is_final(row) else []
    return {
        name: [
            start,
            *(event for _, event in sorted(epochs.get(name, {}).items())),
            *ends.get(name, []),
        ]
        for name, start in starts.items()
    }


def write_schema(folder: Path, keys: Iterable[str]) -> None:
    """Writes the HParams table's columns and the layout, if they have changed."""
    path, content = folder / event_file.NAME, event_file.encode(schema_events(keys))
    if not path.is_file() or path.read_bytes() != content:
        event_file.replace(path, content)


def _is_final(row: Ended) -> bool:
    return not row.retry and row.status != TrialStatus.INTERRUPTED
