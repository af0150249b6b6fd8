"""A copy of the project, to which a test adds what a newcomer would."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDITIONS = ROOT / "tests" / "fixtures" / "additions"
PACKAGES = ("trainables", "tune_app", "analysis", "search_spaces")


def copy_project(folder: Path, *more: str) -> Path:
    """The packages and the script on top, and whatever else of the project is named."""
    for name in (*PACKAGES, *more):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("run_tune.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def add_to_registry(registry: Path, imported: str, entry: str) -> None:
    """One line, and the import that it needs, if any: the line ends the dictionary."""
    text = registry.read_text(encoding="utf-8")
    if imported:
        text = re.sub(r"(?m)^from (?!__future__)", f"{imported}\nfrom ", text, count=1)
    assert text.rstrip().endswith("}")
    text = text.rstrip().removesuffix("}") + f"    {entry},\n}}\n"
    registry.write_text(text, encoding="utf-8")


def run(project: Path, *words: str) -> str:
    """What a command in the copy prints; it must end well."""
    done = subprocess.run(
        [sys.executable, *words], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
