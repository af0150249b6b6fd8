"""``python -m benchmarks.calibration``: how often the report is right, on simulated studies.

Each design draws studies whose truth is known and counts what the report says of them. Rates have
95 % intervals (Wilson). ``--only WORD`` runs the designs that hold the word, ``--share .1`` a tenth
of the studies. ``--out FILE`` keeps the figures: the same command again runs what is not in it,
and all of it where the code of the statistics has changed. Most designs ask the claims' own tests
instead of the report's words, so that thousands of studies are cheap; ``--frames`` takes the long
way, through the study's frames. ``--markdown`` prints the file as docs/statistics.md shows it.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.calibration.registry import DESIGNS

CODE = ("analysis/statistics", "analysis/claims", "analysis/study", "benchmarks/calibration")
RESULTS = Path("benchmarks/results")


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z, p = 1.959964, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def calibrate(name: str, share: float = 1.0, *, frames: bool = False) -> dict[str, Any]:
    """Each counted outcome's rate with its interval, and what was asked of it."""
    design = DESIGNS[name]
    fast = design.fast if design.fast is not None and not frames else None
    rng = np.random.default_rng(crc32(name.encode()))
    studies = max(20, round(design.studies * share))
    counts: Counter[str] = Counter()
    for _ in range(studies):
        drawn = (fast or design.draw)(rng)
        counts.update({outcome: int(happened) for outcome, happened in drawn.items()})
    rates: dict[str, dict[str, Any]] = {}
    for outcome, count in counts.items():
        low, high = wilson(count, studies)
        rates[outcome] = {"rate": count / studies, "low": round(low, 4), "high": round(high, 4)}
        if outcome in design.asked:
            rates[outcome]["asked"] = list(design.asked[outcome])
    return {
        "what": design.what,
        "studies": studies,
        "frames": fast is None,
        "state": state(),
        "rates": rates,
    }


@functools.cache
def state() -> str:
    """A digest of the code whose error rates these are."""
    digest = hashlib.sha256()
    for folder in CODE:
        for path in sorted(Path(folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _designs(path: Path | None) -> dict[str, Any]:
    if path is None or not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8"))["designs"])


def known(path: Path | None) -> dict[str, Any]:
    """The figures of the present code that are in the file."""
    designs = _designs(path)
    return {name: one for name, one in designs.items() if one.get("state") == state()}


def table() -> Iterator[str]:
    """The rows of docs/statistics.md."""
    now = json.loads((RESULTS / "calibration.json").read_text(encoding="utf-8"))["designs"]
    before = json.loads((RESULTS / "calibration-before.json").read_text(encoding="utf-8"))
    yield "| design | counted | before | now | N now |"
    yield "|---|---|--:|--:|--:|"
    for name in (name for name in DESIGNS if name in now):
        for outcome, one in now[name]["rates"].items():
            if outcome == "said":
                continue
            was = before.get(name, {}).get("rates", {}).get(outcome)
            studies = f"{now[name]['studies']:,}"
            yield f"| {name} | {outcome} | {_cell(was)} | {_cell(one)} | {studies} |"


def _cell(one: dict[str, Any] | None) -> str:
    if one is None:
        return "–"
    return f"{100 * one['rate']:.1f} ({100 * one['low']:.1f}–{100 * one['high']:.1f})"


def _words(name: str, found: dict[str, Any]) -> str:
    said = [f"{outcome} {_cell(one)} %" for outcome, one in found["rates"].items()]
    return f"{name}: {', '.join(said)}, N = {found['studies']:,}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="designs whose name holds this")
    parser.add_argument("--share", type=float, default=1.0, help="of the studies of each design")
    parser.add_argument("--out", type=Path, help="keep the figures here")
    parser.add_argument("--one-stage", action="store_true", help="leave out what needs two stages")
    parser.add_argument(
        "--frames", action="store_true", help="no short cuts past the report's words"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--markdown", action="store_true", help="print the committed figures")
    given = parser.parse_args()
    if given.markdown:
        print("\n".join(table()))
        return 0
    found = known(given.out)
    old = _designs(given.out)
    names = [
        name
        for name, design in DESIGNS.items()
        if given.only in name
        and name not in found
        and not (given.one_stage and design.second_stage)
    ]
    work = functools.partial(calibrate, share=given.share, frames=given.frames)
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, one in zip(names, pool.map(work, names), strict=True):
            found[name] = one
            print(_words(name, one), flush=True)
            if given.out:
                file = {"designs": {**old, **found}}
                text = json.dumps(file, indent=1, ensure_ascii=False)
                given.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
