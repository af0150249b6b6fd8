"""A file is one noun, a room a few of them: what outgrows that is two."""

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINES = 330  # "about 300", CONTRIBUTING.md
FILES = 18  # "16", and one or two on their way to a room of their own
REGISTRIES = {"analysis/charts", "benchmarks", "trainables/layers", "trainables/sizes"}
"""Rooms with one entry a file."""


def python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def test_no_file_holds_two_nouns():
    lengths = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n")
        for path in python_files()
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_no_room_but_a_registry_has_more_files_than_one_overlooks():
    packages = ("analysis", "benchmarks", "search_spaces", "trainables", "tune_app")
    rooms = Counter(
        str(path.parent.relative_to(ROOT))
        for path in python_files()
        if path.relative_to(ROOT).parts[0] in packages
        and path.name not in ("__init__.py", "__main__.py")
    )
    crowded = {room: files for room, files in rooms.items() if files > FILES}
    assert set(crowded) <= REGISTRIES, crowded
