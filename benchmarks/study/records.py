"""What of a study is kept in the repository, and how it comes back from there."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from analysis.record.record import LEDGER
from analysis.study.study import STUDY

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs" / "results" / "study"
COPIED = (STUDY, "trials.parquet", "epochs.parquet", "report.html", "report.md")
"""As the search wrote them; the ledger is compressed."""


def is_packed(folder: Path) -> bool:
    """Whether the folder is a record as ``pack`` writes it."""
    return (folder / f"{LEDGER}.gz").is_file()


def unpack(packed: Path, folder: Path) -> None:
    """Makes a study's folder of a record: ``study.json`` and the ledger, which holds all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(packed / STUDY, folder / STUDY)
    with gzip.open(packed / f"{LEDGER}.gz") as source, (folder / LEDGER).open("wb") as target:
        shutil.copyfileobj(source, target)


def restore(name: str, results: Path) -> None:
    """Puts the record of a study where it will be continued, unless a study is there."""
    packed, folder = PUBLISHED / "records" / name, results / name
    if is_packed(packed) and not (folder / LEDGER).exists():
        unpack(packed, folder)


def pack(name: str, results: Path) -> None:
    """Writes the record of a study: its ledger (compressed), ``study.json``, tables, report."""
    folder, packed = results / name, PUBLISHED / "records" / name
    packed.mkdir(parents=True, exist_ok=True)
    for file in COPIED:
        if (folder / file).exists():
            shutil.copy(folder / file, packed / file)
    content = (folder / LEDGER).read_bytes()  # the time in a gzip header would change every commit
    (packed / f"{LEDGER}.gz").write_bytes(gzip.compress(content, mtime=0))
