"""The records of the faults, and the table that they make on docs/results/cluster.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.hardware import hardware
from tests.cluster.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "benchmarks" / "results" / "cluster.json"
PAGE = ROOT / "docs" / "results" / "cluster.md"
SLOTS = (2, 12)
BEGIN, END = "<!-- faults -->", "<!-- end of faults -->"


def keep(outcome: Outcome) -> None:
    """Puts an outcome in the place of an earlier one of the same fault and slots."""
    records = read_records()
    records[f"{outcome.fault}, {outcome.slots} slots"] = asdict(outcome)
    RECORDS.write_text(
        json.dumps({"hardware": hardware(), "faults": records}, indent=1, ensure_ascii=False) + "\n"
    )


def read_records() -> dict[str, dict]:
    """The outcomes, by fault and slots."""
    return json.loads(RECORDS.read_text())["faults"] if RECORDS.exists() else {}


def table(faults: tuple[str, ...]) -> str:
    """Markdown, in the order of the faults."""
    lines = [
        "| fault | slots a host | trials | epochs redone (most of one trial) | on record after "
        "| first attempt after | exit code | over after | load | line printed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    order = {name: number for number, name in enumerate(faults)}
    known = [one for one in read_records().values() if one["fault"] in order]
    for one in sorted(known, key=lambda one: (order[one["fault"]], one["slots"])):
        noticed, again = _seconds(one.get("noticed")), _seconds(one["recovered"])
        codes = ", ".join(map(str, one["exit_codes"]))
        said = one["said"].replace("|", "\\|") or "–"
        lines.append(
            f"| {one['fault']} | {one['slots']} | {one['finished']} of {one['planned']} | "
            f"{one['redone']} ({one['redone_most']}) | {noticed} | {again} | {codes} | "
            f"{one['seconds']:.0f} s | {one['load']:.0f} | {said} |"
        )
    return "\n".join(lines)


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def not_run(faults: tuple[str, ...]) -> str:
    """A sentence on the rows that the table lacks; "" where it lacks none."""
    known = read_records()
    lacking = {
        fault: [str(slots) for slots in SLOTS if f"{fault}, {slots} slots" not in known]
        for fault in faults
    }
    named = [f"{fault} ({' and '.join(slots)})" for fault, slots in lacking.items() if slots]
    return f"Not run yet, with the slots a host: {'; '.join(named)}." if named else ""


def write_page(faults: tuple[str, ...]) -> None:
    """Puts the table between the page's two marks."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    found = "\n\n".join(filter(None, [table(faults), not_run(faults)]))
    PAGE.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}")
