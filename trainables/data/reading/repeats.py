"""Pictures that occur more than once: in two parts, in two classes, or in one."""

from __future__ import annotations

from collections.abc import Iterable


def repeat_notes(pictures: Iterable[tuple[object, str, object]]) -> list[str]:
    """One sentence for each way in which pictures repeat; empty where they do not.

    Args:
        pictures: of each what identifies its pixels, its part and its class.
    """
    parts: dict[object, set[str]] = {}
    classes: dict[object, set[object]] = {}
    count = 0
    for pixels, part, label in pictures:
        count += 1
        parts.setdefault(pixels, set()).add(part)
        classes.setdefault(pixels, set()).add(label)
    across = sum(len(found) > 1 for found in parts.values())
    mixed = sum(len(found) > 1 for found in classes.values())
    repeated = count - len(parts)
    notes = []
    if across:
        notes.append(f"{_pictures_are(across)} in more than one of train, val, test")
    if mixed:
        notes.append(f"{_pictures_are(mixed)} in more than one class")
    if repeated:
        images = "1 image repeats" if repeated == 1 else f"{repeated:,} images repeat"
        notes.append(f"{images} another, so that copies may be on both sides of a split")
    return notes


def _pictures_are(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"
