"""Which files of a folder are images of which class, and which were passed over. Opens none."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from trainables.data.sources import DatasetError

IMAGE_SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "lost+found", "System Volume Information"})
"""What systems leave in a folder, often with small copies of its images."""

TRAIN, TEST = "train", "test"
VALIDATION_NAMES = ("val", "valid", "validation")
TEST_STEP = 5
"""Of one folder without parts, every fifth image of a class is for the test."""

LAYOUT = (
    "a folder of images is laid out as train/<class>/* and test/<class>/*, perhaps with "
    "val/<class>/* beside them; or as <class>/* alone, of which every fifth image is for the test"
)

Classes = dict[str, list[Path]]
"""A class's name → its files, sorted."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a folder: training, validation (may be empty) and test, by class.

    layout: how the parts were made, in words.
    passed_over: what else lies there, a count by what it is.
    """

    root: Path
    train: Classes
    validation: Classes
    test: Classes
    layout: str
    passed_over: Counter[str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.train)

    @property
    def parts(self) -> dict[str, Classes]:
        """The parts by name, in order."""
        return {TRAIN: self.train, "val": self.validation, TEST: self.test}

    def files(self) -> list[Path]:
        """Every image of every part."""
        return [file for part in self.parts.values() for files in part.values() for file in files]

    def passed_over_words(self) -> str:
        """What was passed over in words; "" for nothing."""
        return ", ".join(f"{count:,} {what}" for what, count in sorted(self.passed_over.items()))


@dataclass(slots=True)
class _Walk:
    """Collects classes and what is passed over."""

    passed_over: Counter[str] = field(default_factory=Counter)

    def classes(self, folder: Path) -> Classes:
        """The class folders directly below, each with the images anywhere below it."""
        found: Classes = {}
        for path in sorted(folder.iterdir()):
            if self._is_hidden(path):
                continue
            if path.is_dir():
                found[path.name] = sorted(self._images(path))
            else:
                self.passed_over[f"files outside the class folders of {name(folder)}"] += 1
        return found

    def _images(self, folder: Path) -> list[Path]:
        """Links to folders are followed, but not in a circle."""
        images, open_folders = [], [(folder, frozenset({folder.resolve()}))]
        while open_folders:
            place, above = open_folders.pop()
            for path in place.iterdir():
                if self._is_hidden(path):
                    continue
                if path.is_dir():
                    real = path.resolve()
                    if real in above:
                        self.passed_over["links in a circle"] += 1
                    else:
                        open_folders.append((path, above | {real}))
                elif path.suffix.lower() in IMAGE_SUFFIXES:
                    images.append(path)
                else:
                    kind = name(path.suffix.lower()) or "no ending"
                    self.passed_over[f"files that are no images by their names ({kind})"] += 1
        return images

    def _is_hidden(self, path: Path) -> bool:
        hidden = path.name.startswith(".") or path.name in SYSTEM_FOLDERS
        if hidden:
            self.passed_over["hidden folders" if path.is_dir() else "hidden files"] += 1
        return hidden


def list_images(data_dir: Path) -> ImageFolder:
    """The images of an existing folder.

    Raises:
        DatasetError: with everything that keeps the folder from being a data set.
    """
    walk = _Walk()
    folders = {
        path.name: path
        for path in data_dir.iterdir()
        if path.is_dir() and path.name in (TRAIN, TEST, *VALIDATION_NAMES)
    }
    if folders:
        found = _in_parts(data_dir, folders, walk)
    else:
        found = _one_folder(data_dir, walk)
    if problems := _problems(found):
        raise DatasetError(f"{LAYOUT}; but " + "; ".join(problems))
    return found


def name(path: Path | str) -> str:
    """A path as it can be printed: a byte that is no UTF-8 as a backslash, x and its digits."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _in_parts(data_dir: Path, folders: dict[str, Path], walk: _Walk) -> ImageFolder:
    for path in data_dir.iterdir():
        if path.name not in folders and not path.name.startswith("."):
            walk.passed_over[f"entries beside {' and '.join(sorted(folders))}"] += 1
    parts = {part: walk.classes(path) for part, path in sorted(folders.items())}
    train, test = parts.pop(TRAIN, {}), parts.pop(TEST, {})
    if len(parts) > 1:
        raise DatasetError(f"{name(data_dir)} has both {' and '.join(parts)}; keep one of them")
    validation = next(iter(parts.values()), {})
    layout = "train/, val/ and test/ as they are"
    if not parts:
        layout = "train/ and test/ as they are"
    elif TEST not in folders:
        layout = f"there is no test/, so {next(iter(parts))}/ is the test set"
        validation, test = {}, validation
    return ImageFolder(data_dir, train, validation, test, layout, walk.passed_over)


def _one_folder(data_dir: Path, walk: _Walk) -> ImageFolder:
    classes = walk.classes(data_dir)
    test = {label: files[::TEST_STEP] for label, files in classes.items()}
    train = {
        label: [file for number, file in enumerate(files) if number % TEST_STEP]
        for label, files in classes.items()
    }
    layout = "one folder: every fifth image of each class, by name, is for the test"
    return ImageFolder(data_dir, train, {}, test, layout, walk.passed_over)


def _problems(found: ImageFolder) -> list[str]:
    one_folder = found.layout.startswith("one folder")
    if one_folder and not found.train:
        return [f"{name(found.root)} has no class folders"]
    empty = [
        f"{name(found.root / part)}: no class folders"
        for part, classes in ((TRAIN, found.train), (TEST, found.test))
        if not classes
    ]
    empty += [
        f"{name(found.root / ('' if one_folder else part) / label)}: "
        + (f"{len(files)} images, too few to split" if one_folder else "no images")
        + f" ({', '.join(IMAGE_SUFFIXES)})"
        for part, classes in found.parts.items()
        for label, files in classes.items()
        if not files
    ]
    return empty or _class_problems(found)


def _class_problems(found: ImageFolder) -> list[str]:
    train, problems = set(found.train), []
    if len(train) < 2:
        problems.append(f"train has {len(train)} class, at least 2 are needed")
    for part, classes in found.parts.items():
        if classes and (only := sorted(train ^ set(classes))):
            words = ", ".join(map(name, only))
            problems.append(f"these classes are in one of train and {part} only: {words}")
    return problems
