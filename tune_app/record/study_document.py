"""Reads ``study.json``, or the same facts from the ledger where that file is lost."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.architectures.resnet9 import RESNET9
from trainables.config.former_names import with_present_names
from trainables.config.tables import TableError, register_tables
from tune_app.record.paths import StudyPaths

if TYPE_CHECKING:
    from analysis.record.rows import Planned, SearchRow

# The record's reader is imported where it is used: a machine that only trains has no msgspec.

RESOLVED = ("precision", "classes", "data_digest")
"""Keys that a space may leave open and a study resolves once."""

OBJECTS = ("identity", "options", "dataset", "space")
"""Entries of study.json that must be objects."""

TEXTS = ("commands", "networks")
"""Entries that must be lists of texts; those of this run are added to them."""


def read_information(path: Path) -> dict[str, Any] | None:
    """The content of a study.json; None where it is missing or cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if not all(isinstance(document.get(name) or {}, dict) for name in OBJECTS):
        return None
    if not all(_are_texts(document.get(name) or []) for name in TEXTS):
        return None
    if not isinstance((document.get("dataset") or {}).get("checksum") or "", str):
        return None
    return with_present_names(document)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def stored_identity(paths: StudyPaths) -> dict[str, Any]:
    """The entry ``identity`` of the study's study.json; empty where it cannot be read."""
    identity = (read_information(paths.study) or {}).get("identity")
    objects = ("fixed", "resolved")
    if not isinstance(identity, dict) or not identity:
        return {}
    sound = all(isinstance(identity.get(name, {}), dict) for name in objects)
    return identity if sound and isinstance(identity.get("searched", []), list) else {}


def stored_resolution(paths: StudyPaths) -> dict[str, Any]:
    """The values that the study resolved when it began; empty where it has not begun.

    They come from study.json, or else from the first trial on record.
    """
    resolved = dict(stored_identity(paths).get("resolved") or {})
    if resolved.get("precision"):  # every study has one
        return resolved
    config = next(iter(planned_configs(paths)), {})
    return {name: config[name] for name in RESOLVED if config.get(name)}


def begun_networks(paths: StudyPaths) -> list[str]:
    """The networks on record other than ResNet-9, as configurations have them; tables are known."""
    document = read_information(paths.study)
    if document is not None and not document.get("networks"):
        return []
    with contextlib.suppress(TableError):  # damaged: what the cache knows may do
        register_tables((document or {}).get("networks") or ())
    networks = (str(config.get("network", RESNET9)) for config in planned_configs(paths))
    return [network for network in dict.fromkeys(networks) if network != RESNET9]


def planned_configs(paths: StudyPaths) -> list[dict[str, Any]]:
    """The planned configurations on record; empty where there is no study."""
    return [row.config for row in planned_trials(paths)]


def planned_trials(paths: StudyPaths) -> list[Planned]:
    """The planned trials on record; empty where there is no study."""
    if not paths.folder.is_dir():
        return []
    from analysis.record.record import RecordError, read_record
    from analysis.record.rows import Planned, rows_of

    try:
        rows = read_record(paths.folder, rates=False).rows
    except (RecordError, OSError):
        return []
    return rows_of(rows, Planned)


@dataclass(frozen=True, slots=True)
class StudyName:
    """The identity of a study, independent of its folder.

    ``study_id`` is random, so that two studies of the same name share nothing; "" for a study from
    before there were ids. ``shared`` is the name of its folder in a storage.
    """

    study_id: str
    shared: str


def opening_rows(paths: StudyPaths) -> tuple[SearchRow, ...]:
    """The ledger's first row, which names the study; empty where there is no such row."""
    import msgspec

    from analysis.record.rows import AnyRow

    try:
        with paths.ledger.open("rb") as file:
            return (msgspec.json.decode(file.readline(), type=AnyRow),)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def is_of_another(paths: StudyPaths) -> bool:
    """Whether study.json and the ledger name different studies: one of them came from elsewhere.

    A copy that got its own place in a storage is told so too.
    """
    from analysis.record.rows import Opened, rows_of

    ids = {row.study_id for row in rows_of(opening_rows(paths), Opened)}
    document_id = (read_information(paths.study) or {}).get("id")
    return bool(document_id) and bool(ids - {"", document_id})


def stored_name(paths: StudyPaths, rows: tuple[SearchRow, ...]) -> StudyName | None:
    """The identity of a study that has begun; None where nothing is on record.

    It comes from study.json, since old ledgers have no id, or else from the ledger's first line.
    """
    from analysis.record.rows import Opened, rows_of

    document = read_information(paths.study) or {}
    opened = next(iter(rows_of(rows, Opened)), None)
    if opened is None and not document:
        return None
    study_id = document.get("id") or (opened.study_id if opened else "")
    name = opened.name if opened else str(document.get("name") or paths.folder.name)
    before = f"{name}-{opened.study_id}" if opened and opened.study_id else name
    return StudyName(str(study_id), str(document.get("shared_name") or before))
