"""What of a study is kept in the repository, and how it comes back from there."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tempfile
from pathlib import Path

from analysis.report.report import write_report
from analysis.study.study import load_study, write_study_tables
from trainables.files.study_folder import CONFIRMATION, LEDGER, STUDY

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs" / "results" / "study"
KEPT = ("trials.parquet", "epochs.parquet", "report.md")
"""What is kept beside ``study.json`` and the compressed ledger, from which it can be made."""
PAGE = "report.html"
WITH_PAGE = (
    "a_weight_decay",
    "a_constant",
    "b_tensor_train",
    "c_tucker",
    "d_families",
    "d_one_percent",
    "e_protocols",
    "small_families",
)
"""Of which the page is kept too. It takes a megabyte: what was added later has its text alone."""
MENTION = f" The page with everything in it: [{PAGE}]({PAGE})."

DATA_DIR = "cifar10"
RESULTS = "results/study"
HOST = re.compile(rb'"host":"[^"]*"')


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
    """Writes the record of a study: its ledger (compressed), ``study.json``, tables and report.

    Neither names the machine: its host and the folders of its images and results are replaced,
    where it ran is left out, and tables and report are written from what is left.
    """
    folder, packed = results / name, PUBLISHED / "records" / name
    packed.mkdir(parents=True, exist_ok=True)
    information = json.loads((folder / STUDY).read_text(encoding="utf-8"))
    information.pop("directory", None)
    if (information.get("options") or {}).get("data_dir"):
        information["options"]["data_dir"] = DATA_DIR
    document = json.dumps(information, indent=2).replace(str(results), RESULTS)
    (packed / STUDY).write_text(document + "\n", encoding="utf-8")
    ledger = HOST.sub(rb'"host":"host"', (folder / LEDGER).read_bytes())
    ledger = ledger.replace(str(results).encode(), RESULTS.encode())
    # the time in a gzip header would change every commit
    (packed / f"{LEDGER}.gz").write_bytes(gzip.compress(ledger, mtime=0))
    with tempfile.TemporaryDirectory() as place:
        for one in {name, name.removesuffix(CONFIRMATION)}:  # what it confirms, beside it
            unpack(packed.with_name(one), Path(place) / one)
        study = load_study(Path(place) / name)
        write_study_tables(study)
        write_report(study)  # its pictures are not kept
        for file in (*KEPT, PAGE) if name in WITH_PAGE else KEPT:
            shutil.copy(study.folder / file, packed)
    if name not in WITH_PAGE:
        text = packed / "report.md"
        text.write_text(text.read_text(encoding="utf-8").replace(MENTION, ""), encoding="utf-8")
