"""A file is one noun, a room a few of them: what outgrows that is two."""

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINES = 300
FILES = 16
SOURCES = ("*.py", "*.c", "*.h", "*.js", "*.css")
REGISTRIES = {
    "analysis/charts": "charts",
    "trainables/layers": "families",
    "trainables/sizes": "families",
}
"""Rooms with one entry a file, and what an entry is."""


def sources(*kinds: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *kinds], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [Path(name) for name in listed if (ROOT / name).exists()]


def test_no_file_holds_two_nouns():
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in sources(*SOURCES)
    }
    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_no_room_but_a_registry_has_more_files_than_one_overlooks():
    rooms = Counter(
        str(path.parent)
        for path in sources("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    crowded = {room: files for room, files in rooms.items() if files > FILES}
    assert set(crowded) == set(REGISTRIES), crowded


TOP_LEVEL = {
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"),
    *("requirements.txt", "requirements-dev.txt", "requirements-jobs.txt", "run_tune.py"),
    *(".gitattributes", ".gitignore", ".pre-commit-config.yaml"),
}


def test_the_top_level_holds_no_file_but_its_own():
    assert {str(path) for path in sources(":(glob)*")} == TOP_LEVEL
