"""A training epoch of every family, compiled and by torch's operations alone.

    python -m benchmarks.families             # measures and writes results/families.json
    python -m benchmarks.families --rounds 1  # a quick look

Each family at a quarter of the dense parameters, at two widths, batch 128, one thread, process CPU
time, in the precision that a trial picks by itself. Every round starts both ways in a process of
its own; a ratio is taken within its round. Images are noise: nothing here depends on what they
show.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.epoch import make_ours
from benchmarks.gpu.networks import at_share
from benchmarks.hardware import hardware
from trainables.compiled.switch import COMPILED, TORCH, use_torch_alone
from trainables.sizes.registry import SIZES

RESULTS = Path(__file__).parent / "results" / "families.json"
WIDTHS = (8, 16)
SHARE = 0.25
BATCH, BATCHES, REPEATS = 128, 12, 3


def core_microseconds(way: str, width: int) -> dict[str, float]:
    """By family, microseconds of a core an image: the least of some repeats. In a fresh process."""
    if way == TORCH:
        use_torch_alone()
    import numpy as np
    import torch

    torch.set_num_threads(1)
    count = BATCH * BATCHES
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
    labels = np.arange(count) % 10
    found = {}
    for family in SIZES:
        keys = at_share(family, SHARE, width)
        epoch, _ = make_ours(images, labels, width, BATCH, BATCHES, **keys)
        epoch()
        seconds = []
        for _ in range(REPEATS):
            start = time.process_time()
            epoch()
            seconds.append(time.process_time() - start)
        found[family] = 1e6 * min(seconds) / count
    return found


def summarise(rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """By family: medians over rounds, and the ratio's median and range."""
    summary = {}
    for family in SIZES:
        ratios = sorted(one[TORCH][family] / one[COMPILED][family] for one in rounds)
        summary[family] = {
            **{way: round(median(one[way][family] for one in rounds), 1) for way in rounds[0]},
            "times_torchs_speed": round(median(ratios), 2),
            "range": [round(ratios[0], 2), round(ratios[-1], 2)],
        }
    return summary


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    count = parser.parse_args().rounds
    fresh = multiprocessing.get_context("spawn")
    cases = []
    for width in WIDTHS:
        rounds = []
        for _ in range(count):
            found = {}
            for way in (COMPILED, TORCH):
                with fresh.Pool(1) as pool:
                    found[way] = pool.apply(core_microseconds, (way, width))
            rounds.append(found)
        cases.append({"width": width, "families": summarise(rounds)})
    result = {
        "command": f"python -m benchmarks.families --rounds {count}",
        "what": f"µs of a core an image, {SHARE:.0%} of the dense parameters, batch {BATCH}",
        "machine": hardware(),
        "cases": cases,
    }
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
