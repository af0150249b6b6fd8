"""TensorBoard's event files: records appended one by one, no file held open.

A record is a length, its checksum, the event, its checksum; TensorBoard's own package writes them.
This module adds what a resumed search needs: appending to a file whose last record was left
incomplete by a killed driver.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from trainables.files.whole_file import whole_file

NAME = "events.out.tfevents.0.ranktune"
"""One file per run, always with this name, so that a continued trial appends to its own file."""

_HEADER = 12  # bytes: length (8) and its checksum (4)
_FOOTER = 4  # bytes: the event's checksum


def append(path: Path, event: Event) -> None:
    """Appends one event with one write; creates the file if needed."""
    if path.is_file():
        data = _record(event)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encode([event])
    with path.open("ab") as file:
        file.write(data)


def encode(events: Iterable[Event]) -> bytes:
    """The content of an event file."""
    return b"".join(_record(event) for event in (Event(file_version="brain.Event:2"), *events))


def repair(path: Path) -> list[Event]:
    """The file's events, empty if it does not exist; an incomplete last record is removed.

    TensorBoard would wait at an incomplete record for ever, and show nothing after it.
    """
    content = path.read_bytes() if path.is_file() else b""
    records = list(_split(content))
    length = sum(map(len, records))
    if length < len(content):
        with path.open("r+b") as file:
            file.truncate(length)
    return [_event(record) for record in records]


def remove(path: Path, unwanted: Callable[[Event], bool]) -> None:
    """Removes events."""
    records = _split(path.read_bytes())
    replace(path, b"".join(record for record in records if not unwanted(_event(record))))


def replace(path: Path, content: bytes) -> None:
    """Replaces the file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # TensorBoard does not take a file of this name for an event file
    with whole_file(path, stem="unfinished") as draft:
        draft.write_bytes(content)


def _record(event: Event) -> bytes:
    buffer = io.BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()


def _split(content: bytes) -> Iterator[bytes]:
    start = 0
    while start + _HEADER <= len(content):
        (length,) = struct.unpack_from("<Q", content, start)
        end = start + _HEADER + length + _FOOTER
        if end > len(content):
            return
        yield content[start:end]
        start = end


def _event(record: bytes) -> Event:
    return Event.FromString(record[_HEADER:-_FOOTER])
