"""A study whose record lies in ``--storage`` too: found there by its name, and taken home."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import humanize
import msgspec

from analysis.record.rows import AnyRow, Opened
from search_spaces.grammar.space import SearchSpace
from trainables.files.storage import join, named_place, without_secrets
from trainables.files.whole_file import write_whole
from tune_app.command.errors import StorageUnusableError, UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import LOG, told_if_slow
from tune_app.planning.confirm import confirm_options
from tune_app.preview.preflight import WAITING, storage_problem
from tune_app.record.lease import Lease, LeaseHeldError
from tune_app.record.paths import StudyPaths, free_aside, study_paths, until_now
from tune_app.record.shared_record import RECORD, SharedRecord, SharedRecordError, shared_part
from tune_app.record.storage import StorageFolder
from tune_app.record.study_document import StudyName, opening_rows, stored_name
from tune_app.record.study_index import IndexEntry, StudyIndex
from tune_app.study.storage_owner import has_owner, write_owner


@contextlib.contextmanager
def storage_errors_as_usage(storage: str) -> Iterator[None]:
    """A storage that cannot be used, or that another driver uses, is a usage error."""
    try:
        yield
    except UsageError:
        raise
    except LeaseHeldError as problem:
        raise UsageError([str(problem)]) from problem
    except (SharedRecordError, msgspec.DecodeError) as problem:
        place = without_secrets(storage)
        raise UsageError(
            [f"the record in {place} is damaged: {problem}; --fresh starts another study"]
        ) from problem
    except (OSError, ValueError, NotImplementedError) as problem:
        raise StorageUnusableError([storage_problem(storage, problem)]) from problem


def bring_home(paths: StudyPaths, options: RunOptions) -> None:
    """Where the folder has no study, the one of its name in ``--storage`` is copied there.

    Raises:
        UsageError: several have that name, the storage does not answer, or ``--study-id`` names
            another study than the folder's.
    """
    if not options.storage or options.fresh:
        return
    if paths.ledger.is_file():
        _check_id(paths, options)
        return
    waiting = told_if_slow(WAITING, named_place(options.storage))
    with storage_errors_as_usage(options.storage), waiting:
        index = StudyIndex(StorageFolder(options.storage))
        entry = _chosen(paths, options, index.find(paths.folder.name))
        if entry is not None:
            with Lease(paths.folder):
                _fetch(paths, options.storage, entry)


def bring_home_what_is_planned(options: RunOptions, space: SearchSpace) -> None:
    """The study that the options name, and its confirmation: a plan looks at their records."""
    bring_home(study_paths(options, space.name), options)
    if options.confirm:
        confirming = confirm_options(options, space)
        bring_home(study_paths(confirming, space.name), confirming)


def catch_up(paths: StudyPaths, storage: str) -> None:
    """Takes the record in the study's ``storage`` over where it knows more than the folder's.

    Another head went on with the study, or this machine lost power before the last rows reached
    its disk. What the folder alone knows is trained already: checkpoints report it again.

    Raises:
        UsageError: the storage does not answer, or its record is damaged.
    """
    if not paths.ledger.is_file():
        return
    with storage_errors_as_usage(storage), told_if_slow(WAITING, named_place(storage)):
        record = SharedRecord(StorageFolder(storage))
        segments = record.segments()
        if len(shared_part(segments, paths.ledger)) == len(segments):
            return
        content, local_content = record.content(), paths.ledger.read_bytes()
        if local_content.startswith(content):
            return
        place = without_secrets(storage)
        if content.startswith(local_content):
            LOG.info("%s is behind its copy in %s, which replaces it", paths.ledger, place)
        else:
            aside = free_aside(paths.ledger)
            paths.ledger.rename(aside)
            text = "another driver continued the study: its record in %s is used, %s is now %s"
            LOG.info(text, place, paths.ledger, aside.name)
        write_whole(paths.ledger, content)


def set_aside(paths: StudyPaths, options: RunOptions) -> None:
    """``--fresh``: the study of this name in the storage gets another, unless somebody runs it."""
    if not options.storage:
        return
    with storage_errors_as_usage(options.storage):
        index = StudyIndex(StorageFolder(options.storage))
        local_name = stored_name(paths, opening_rows(paths))
        new = until_now(paths.folder.name)
        for entry in index.find(paths.folder.name):
            if local_name is not None and local_name.study_id != entry.study_id:
                continue
            with contextlib.suppress(LeaseHeldError), Lease(join(options.storage, entry.folder)):
                index.rename(paths.folder.name, entry, new)
                place = without_secrets(options.storage)
                LOG.info("the study %s in %s is now named %s", entry.folder, place, new)


@contextlib.contextmanager
def shared_lease(storage: str, lost_event: threading.Event) -> Iterator[None]:
    """Holds a study in its storage.

    Raises:
        UsageError: another head works on it, or the storage does not answer.
    """
    with contextlib.ExitStack() as stack:
        with storage_errors_as_usage(storage):
            stack.enter_context(Lease(storage, lost_event=lost_event))
        yield


def announce(paths: StudyPaths, options: RunOptions, name: StudyName) -> None:
    """Writes a study into the index of its storage."""
    assert options.storage is not None
    entry = IndexEntry(name.study_id, name.shared, socket.gethostname(), time.time())
    StudyIndex(StorageFolder(options.storage)).enter(paths.folder.name, entry)


def _check_id(paths: StudyPaths, options: RunOptions) -> None:
    local_name = stored_name(paths, opening_rows(paths))
    if options.study_id and local_name is not None and options.study_id != local_name.study_id:
        raise UsageError(
            [
                f"--study-id {options.study_id}: {paths.folder} holds the study "
                f"{local_name.study_id}; name another --results-dir, or leave the option out"
            ]
        )


def _chosen(
    paths: StudyPaths, options: RunOptions, entries: Sequence[IndexEntry]
) -> IndexEntry | None:
    """The study that is meant; None where there is none of that name."""
    matching = [entry for entry in entries if options.study_id in (None, entry.study_id)]
    if len(matching) == 1 or not (entries or options.study_id):
        return matching[0] if matching else None
    listed = [
        f"  {entry.study_id}, begun {humanize.naturaltime(time.time() - entry.time)} "
        f"on {entry.host}"
        for entry in entries
    ]
    where = f"{without_secrets(str(options.storage))} of the name {paths.folder.name}"
    if options.study_id:
        problem = f"--study-id {options.study_id}: no such study in {where}"
    else:
        problem = f"{len(entries)} studies in {where}: --study-id ID goes on with one, --fresh "
        problem += "begins another"
    raise UsageError([problem, *listed])


def _fetch(paths: StudyPaths, storage: str, entry: IndexEntry) -> None:
    record = SharedRecord(StorageFolder(join(storage, entry.folder)))
    content = record.content()
    if not content and not record.folder.names(RECORD) and not has_owner(storage, entry.folder):
        raise SharedRecordError(f"the study {entry.study_id} has no folder {entry.folder} there")
    if not content:
        return  # its driver was lost before anything was on record
    if (found := _study_id(content)) not in ("", entry.study_id):
        raise SharedRecordError(f"{entry.folder} holds the study {found}, not {entry.study_id}")
    record.fetch(paths.study.name, paths.study)
    write_whole(paths.ledger, content)
    write_owner(join(storage, entry.folder), paths)
    LOG.info(
        "%s: the record of the study %s of %s, begun %s on %s, was copied here to go on with "
        "(--fresh starts another)",
        paths.folder,
        entry.study_id,
        without_secrets(storage),
        humanize.naturaltime(time.time() - entry.time),
        entry.host,
    )


def _study_id(ledger: bytes) -> str:
    """Whose a ledger is; "" where its first line does not say."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        opened = msgspec.json.decode(ledger.partition(b"\n")[0], type=AnyRow)
        return opened.study_id if isinstance(opened, Opened) else ""
    return ""
