"""``python -m benchmarks.calibration``: how often the report is right, on simulated studies.

Each design draws studies whose truth is known and counts what the report says of them. Rates have
95 % intervals (Wilson). ``--only WORD`` runs the designs that hold the word, ``--share .1`` a tenth
of the studies, ``--json FILE`` writes the figures. Simple designs ask the test itself instead of
the report's words, so that many studies are cheap; ``--frames`` takes the long way.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.calibration.registry import DESIGNS

FAST = 4_000
"""Studies of a design that asks the test itself."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z, p = 1.959964, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def calibrate(name: str, share: float = 1.0, *, frames: bool = False) -> dict[str, Any]:
    """Each counted outcome's rate with its interval, and what was asked of it."""
    design = DESIGNS[name]
    fast = design.fast is not None and not frames
    draw = design.fast if design.fast is not None and not frames else design.draw
    rng = np.random.default_rng(crc32(name.encode()))
    studies = max(20, round((FAST if fast else design.studies) * share))
    counts: Counter[str] = Counter()
    for _ in range(studies):
        counts.update({outcome: int(happened) for outcome, happened in draw(rng).items()})
    rates = {}
    for outcome, count in counts.items():
        low, high = wilson(count, studies)
        rates[outcome] = {"rate": count / studies, "low": round(low, 4), "high": round(high, 4)}
        if outcome in design.asked:
            rates[outcome]["asked"] = list(design.asked[outcome])  # type: ignore[assignment]
    return {"what": design.what, "studies": studies, "rates": rates}


def _words(name: str, found: dict[str, Any]) -> str:
    said = [
        f"{outcome} {100 * one['rate']:.1f} % [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        for outcome, one in found["rates"].items()
    ]
    return f"{name}: {', '.join(said)} (N = {found['studies']:,})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="designs whose name holds this")
    parser.add_argument("--share", type=float, default=1.0, help="of the studies of each design")
    parser.add_argument("--out", type=Path, help="write the figures here")
    parser.add_argument("--one-stage", action="store_true", help="leave out what needs two stages")
    parser.add_argument(
        "--frames", action="store_true", help="no short cuts past the report's words"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    names = [
        name
        for name, design in DESIGNS.items()
        if given.only in name and not (given.one_stage and design.second_stage)
    ]
    found: dict[str, Any] = {}
    work = functools.partial(calibrate, share=given.share, frames=given.frames)
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, one in zip(names, pool.map(work, names), strict=True):
            found[name] = one
            print(_words(name, one), flush=True)
            if given.out:
                text = json.dumps(found, indent=1, ensure_ascii=False)
                given.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
