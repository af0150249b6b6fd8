"""Numbers that are compared come from the same images: checksums are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.record.rows import AnyRow
from trainables.files.study_folder import CONFIRMATION
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.engine.workload import Workload
from tune_app.planning.plan import Plan
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import read_information


def check_data(
    plan: Plan,
    options: RunOptions,
    paths: StudyPaths,
    borrowed: Sequence[AnyRow],
    workload: Workload,
) -> None:
    """Compares the images with those of the study so far, of what it confirms and borrows from.

    Ids hold the content of images of one's own; this covers studies of before, and ready data sets
    whose files were changed.

    Raises:
        UsageError: naming both, for every study that was trained on other images.
    """
    studies = [paths.folder]
    if options.confirm:
        name = paths.folder.name.removesuffix(CONFIRMATION)
        studies.append(paths.folder.with_name(name))
    if borrowed:
        studies += options.reuse_from
    problems = [
        problem for folder in studies for problem in _other_images(folder, options, workload)
    ]
    if problems:
        raise UsageError(problems)


def _other_images(folder: Path, options: RunOptions, workload: Workload) -> Iterator[str]:
    document = read_information(StudyPaths(folder).study) or {}
    dataset, stored_options = document.get("dataset") or {}, document.get("options") or {}
    then, now = dataset.get("checksum"), workload.dataset.get("checksum")
    if then and now and then != now:
        yield (
            f"{folder} was trained on other images: {dataset.get('name')} in "
            f"{stored_options.get('data_dir') or 'the default place'} (checksum {then[:8]}), now "
            f"{workload.dataset.get('name')} in {options.data_dir or 'the default place'} "
            f"({now[:8]}); name its own with --data-dir, or start another study with --name"
        )
