"""An index of the studies in a storage, by name, for a head with an empty disk."""

from __future__ import annotations

import msgspec

from tune_app.record.shared_record import SharedRecordError
from tune_app.record.storage import StorageFolder

INDEX = ".studies"


class IndexEntry(msgspec.Struct, frozen=True):
    """A study in a storage: its id and folder, the host that began it, and when (since 1970)."""

    study_id: str
    folder: str
    host: str
    time: float


class StudyIndex:
    """The files ``<storage>/.studies/<name>/<id>.json``, one per study."""

    def __init__(self, storage: StorageFolder) -> None:
        self._storage = storage

    def find(self, name: str) -> list[IndexEntry]:
        """The studies of a name, oldest first."""
        files = self._storage.names(f"{INDEX}/{name}")
        entries = [self._read(f"{INDEX}/{name}/{file}") for file in files if file.endswith(".json")]
        return sorted(entries, key=lambda entry: entry.time)

    def enter(self, name: str, entry: IndexEntry) -> None:
        """Writes an entry, unless it exists."""
        path = _path(name, entry)
        try:
            self._storage.read(path)
        except FileNotFoundError:
            self._storage.write(path, msgspec.json.encode(entry))

    def rename(self, name: str, entry: IndexEntry, new: str) -> None:
        """Renames a study; its folder keeps its name."""
        self._storage.write(_path(new, entry), msgspec.json.encode(entry))
        self._storage.remove(_path(name, entry))

    def _read(self, path: str) -> IndexEntry:
        entry = msgspec.json.decode(self._storage.read(path), type=IndexEntry)
        if _path("", entry).rpartition("/")[2] != path.rpartition("/")[2]:
            raise SharedRecordError(f"{path} is of the study {entry.study_id}")
        return entry


def _path(name: str, entry: IndexEntry) -> str:
    return f"{INDEX}/{name}/{entry.study_id}.json"
