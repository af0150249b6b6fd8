"""TensorBoard's event files: records appended one by one, no file held open.

A record is a length, its checksum, the event, its checksum; TensorBoard's own package writes both.
What is added here is what a resumed search needs: going on in a file, past a record that a killed
driver left half written.
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
"""One file a run, always of this name, so that a continued trial goes on in its own file."""

_HEADER = 12  # bytes: length (8) and its checksum (4)
_FOOTER = 4  # bytes: the event's checksum


def append(path: Path, event: Event) -> None:
    """Adds one event in one write; makes the file where there is none."""
    if path.is_file():
        data = _record(event)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encode([event])
    with path.open("ab") as file:
        file.write(data)


def encode(events: Iterable[Event]) -> bytes:
    """A whole event file."""
    return b"".join(_record(event) for event in (Event(file_version="brain.Event:2"), *events))


def repair(path: Path) -> list[Event]:
    """The file's events, none if it does not exist; a torn record at its end is cut off.

    TensorBoard would wait at a torn record for ever and show nothing that is appended after it.
    """
    content = path.read_bytes() if path.is_file() else b""
    records = list(_split(content))
    whole = sum(map(len, records))
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
    return [_event(record) for record in records]


def remove(path: Path, unwanted: Callable[[Event], bool]) -> None:
    """Takes events out again."""
    records = _split(path.read_bytes())
    replace(path, b"".join(record for record in records if not unwanted(_event(record))))


def replace(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, stem="unfinished") as draft:  # TensorBoard sees no event file in it
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
