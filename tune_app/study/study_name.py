"""Who a study is, and where its checkpoints lie."""

from __future__ import annotations

import secrets

from trainables.config.checkpoint_place import study_checkpoints
from trainables.files.storage import join, named_place
from tune_app.command.options import RunOptions
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import StudyName, opening_rows, read_information, stored_name


def study_name(paths: StudyPaths) -> StudyName:
    """As the study was begun; a new one where it was not, or before there were ids."""
    stored = stored_name(paths, opening_rows(paths))
    if stored is None:
        return new_name(paths)
    return stored if stored.study_id else StudyName(new_name(paths).study_id, stored.shared)


def new_name(paths: StudyPaths) -> StudyName:
    """Of a study that begins in this folder."""
    study_id = secrets.token_hex(6)
    return StudyName(study_id, f"{paths.folder.name}-{study_id}")


def study_storage(paths: StudyPaths, options: RunOptions, name: StudyName) -> str:
    """The study's own folder in ``--storage``, a path or URI; else the one of its checkpoints."""
    return join(options.storage, name.shared) if options.storage else str(paths.checkpoints)


def moved_storage(paths: StudyPaths, storage: str) -> str:
    """What to say where checkpoints go elsewhere from now on; "" where they do not."""
    if (document := read_information(paths.study)) is None:
        return ""
    stored = study_checkpoints(paths.folder, document)
    before, now = named_place(stored), named_place(storage)
    if before == now:
        return ""
    return (
        f"checkpoints go to {now} from now on, and went to {before}: trials continue from what "
        "lies in the first, so copy what it lacks there before the command is given"
    )
