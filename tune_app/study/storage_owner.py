"""A study's folder in a storage serves one study folder: a copy of the study gets its own.

A copied study has the id of the first, and so would share its checkpoints and its stop requests.
"""

from __future__ import annotations

import json
from pathlib import Path

from trainables.files.filesystem import filesystem, list_folder
from trainables.files.storage import join, without_secrets
from tune_app.command.output import LOG
from tune_app.record.paths import StudyPaths
from tune_app.record.storage import StorageFolder
from tune_app.record.study_document import StudyName, read_information

OWNER = "owner.json"
"""A file in the storage: the study folder that its checkpoints belong to."""


def is_copy(storage: str, name: StudyName, paths: StudyPaths) -> bool:
    """Whether another study folder that is still there has this id, and uses the storage.

    A study that was moved has left its former folder; it goes on in its storage.

    Raises:
        OSError: the storage does not say whose it is.
    """
    owner = _owner(join(storage, name.shared))
    if owner is None or owner == paths.folder or not owner.is_dir():
        return False
    document = read_information(StudyPaths(owner).study) or {}
    return document.get("id") == name.study_id and not owner.samefile(paths.folder)


def take_storage(storage: str, name: StudyName, paths: StudyPaths, copied: str = "") -> None:
    """Says whose the storage's folder is; ``copied`` names the one whose checkpoints come along."""
    place = join(storage, name.shared)
    if copied:
        told = "%s is a copy of a study: its checkpoints are copied to %s"
        LOG.info(told, paths.folder, without_secrets(place))
        _copy(join(storage, copied), place)
    write_owner(place, paths)


def write_owner(place: str, paths: StudyPaths) -> None:
    """From now on ``place`` holds the checkpoints of the study in this folder."""
    StorageFolder(place).write(OWNER, json.dumps({"folder": str(paths.folder)}).encode())


def has_owner(storage: str, folder: str) -> bool:
    """Whether a study folder was ever served there."""
    return _owner(join(storage, folder)) is not None


def _owner(place: str) -> Path | None:
    try:
        return Path(json.loads(StorageFolder(place).read(OWNER))["folder"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _copy(source: str, target: str) -> None:
    """Every trial's checkpoints; not what is asked of the other study's workers."""
    from pyarrow import fs  # slow to import, and few studies are copies

    system, root = filesystem(source)
    _, to = filesystem(target)
    for info in list_folder(system, root):
        if info.type == fs.FileType.Directory:
            system.create_dir(f"{to}/{info.base_name}", recursive=True)
            fs.copy_files(
                info.path,
                f"{to}/{info.base_name}",
                source_filesystem=system,
                destination_filesystem=system,
            )
