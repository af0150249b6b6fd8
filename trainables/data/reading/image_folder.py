"""Finds the images of each class in a folder, and what else is in it. Opens no file."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from trainables.data.sources import DatasetError
from trainables.text.count import first_few

IMAGE_SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "lost+found", "System Volume Information"})
"""Folders that systems create, often with small copies of the images."""

TRAIN, TEST = "train", "test"
VALIDATION_NAMES = ("val", "valid", "validation")
PARTS = (TRAIN, TEST, *VALIDATION_NAMES)
LIKE_PARTS = frozenset({*PARTS, "training", "testing", "tests", "validate"})
"""Usual names of parts, in any case. As a class name such a name is a mistake in the layout."""
TEST_STEP = 5
"""In a folder without parts, every fifth image of a class is a test image."""

NAMED = 3
"""So many of the entries beside the parts, of which one may have been meant as a part."""

LAYOUT = (
    "a folder of images is laid out as train/<class>/* and test/<class>/*, perhaps with "
    "val/<class>/* beside them; or as <class>/* alone, of which every fifth image is for the test"
)

Classes = dict[str, list[Path]]
"""A class's name → its files, sorted."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a folder: training, validation (may be empty) and test, by class.

    layout: a sentence on how the parts were made.
    passed_over: number of other files and folders, by kind.
    closed: folders that cannot be read, with the reasons.
    """

    root: Path
    train: Classes
    validation: Classes
    test: Classes
    layout: str
    passed_over: Counter[str]
    closed: dict[Path, str] = field(default_factory=dict)

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
        """The skipped files and folders as text; "" where there are none."""
        return ", ".join(f"{count:,} {what}" for what, count in sorted(self.passed_over.items()))


@dataclass(slots=True)
class _Walk:
    """Collects classes, and counts what is skipped."""

    passed_over: Counter[str] = field(default_factory=Counter)
    closed: dict[Path, str] = field(default_factory=dict)

    def entries(self, folder: Path) -> list[Path]:
        """The sorted content of a folder; empty where it cannot be read, which is noted."""
        try:
            return sorted(folder.iterdir())
        except OSError as problem:
            self.closed[folder] = problem.strerror or str(problem)
            return []

    def classes(self, folder: Path) -> Classes:
        """The class folders directly below, each with the images anywhere below it."""
        found: Classes = {}
        for path in self.entries(folder):
            if self._is_hidden(path):
                continue
            if _is_folder(path):
                found[path.name] = sorted(self._images(path))
            else:
                self.passed_over[f"files outside the class folders of {name(folder)}"] += 1
        return found

    def _images(self, folder: Path) -> list[Path]:
        """The images below a folder; links to folders are followed, except in a circle."""
        around = {place for path in (folder, folder.parent) for place in _with_parents(path)}
        images, open_folders = [], [(folder, frozenset(around))]
        while open_folders:
            place, above = open_folders.pop()
            for path in self.entries(place):
                if self._is_hidden(path):
                    continue
                if _is_folder(path):
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
            self.passed_over["hidden folders" if _is_folder(path) else "hidden files"] += 1
        return hidden


def list_images(data_dir: Path) -> ImageFolder:
    """The images of an existing folder.

    Raises:
        DatasetError: with everything that keeps the folder from being a data set.
    """
    walk = _Walk()
    below = {path.name: path for path in walk.entries(data_dir) if _is_folder(path)}
    if strange := [
        entry for entry in below if entry not in PARTS and entry.casefold() in LIKE_PARTS
    ]:
        raise DatasetError(
            f"{LAYOUT}; but {name(data_dir)} has {', '.join(strange)}: name it train, val or test "
            "if it is such a part, and something else if it is a class"
        )
    folders = {part: path for part, path in below.items() if part in PARTS}
    if folders:
        found = _in_parts(data_dir, folders, walk)
    else:
        found = _one_folder(data_dir, walk)
    if problems := _problems(found):
        closed = [f"{name(path)}: {reason}" for path, reason in walk.closed.items()]
        others = [f"passed over: {words}"] if (words := found.passed_over_words()) else []
        raise DatasetError(f"{LAYOUT}; but " + "; ".join([*closed, *problems, *others]))
    return found


def name(path: Path | str) -> str:
    """A printable path: bytes that are not UTF-8 and invisible characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def _with_parents(folder: Path) -> tuple[Path, ...]:
    real = folder.resolve()
    return real, *real.parents


def _is_folder(path: Path) -> bool:
    """Whether the path is a folder; False inside a folder that cannot be entered."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _in_parts(data_dir: Path, folders: dict[str, Path], walk: _Walk) -> ImageFolder:
    beside = [
        path.name
        for path in walk.entries(data_dir)
        if path.name not in folders and not path.name.startswith(".")
    ]
    if beside:
        words = first_few([name(one) for one in beside], NAMED)
        kind = f"entries beside {' and '.join(sorted(folders))} ({words})"
        walk.passed_over[kind] = len(beside)
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
    return ImageFolder(data_dir, train, validation, test, layout, walk.passed_over, walk.closed)


def _one_folder(data_dir: Path, walk: _Walk) -> ImageFolder:
    classes = walk.classes(data_dir)
    test = {label: files[::TEST_STEP] for label, files in classes.items()}
    train = {
        label: [file for number, file in enumerate(files) if number % TEST_STEP]
        for label, files in classes.items()
    }
    layout = "one folder: every fifth image of each class, by name, is for the test"
    return ImageFolder(data_dir, train, {}, test, layout, walk.passed_over, walk.closed)


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
        + (f"too few images to split, {TEST_STEP} are enough" if one_folder else "no images")
        + f" ({', '.join(IMAGE_SUFFIXES)})"
        for part, classes in found.parts.items()
        for label, files in classes.items()
        if not files
    ]
    below = _parts_below(found)
    return list(dict.fromkeys(empty)) or [*([] if below else _class_problems(found)), *below]


def _parts_below(found: ImageFolder) -> list[str]:
    """Whether there are parts below the classes, which a split by name would mix."""
    depth = 1 if found.layout.startswith("one folder") else 2
    below = (
        {name for file in files for name in file.relative_to(found.root).parts[depth:-1]}
        for files in found.train.values()
    )
    if not all({TRAIN, TEST} <= names for names in below):
        return []
    if depth == len(found.train) == 1:
        return [f"its parts lie in {name(found.root / next(iter(found.train)))}: name that folder"]
    return [
        f"every class has {TRAIN}/ and {TEST}/ below it: put the classes into the parts, not the "
        "parts into the classes"
    ]


def _class_problems(found: ImageFolder) -> list[str]:
    train, problems = set(found.train), []
    if len(train) < 2:
        problems.append(f"train has {len(train)} class, at least 2 are needed")
    for part, classes in found.parts.items():
        if classes and (only := sorted(train ^ set(classes))):
            looks = {normalize("NFC", one) for one in only}
            # a letter with an accent can be written in two ways, which look alike
            words = ", ".join(map(name if len(looks) == len(only) else ascii, only))
            problems.append(f"these classes are in one of train and {part} only: {words}")
    return problems
