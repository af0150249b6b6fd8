"""What it brings to train several trials on one card at once, each in a process of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch

from benchmarks.gpu.concurrency.mps import Mps, MpsUnavailable, mps
from benchmarks.gpu.concurrency.process_pool import ProcessPool, process_pool
from benchmarks.gpu.networks import at_share
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Cell, Stage, Summary

MOST = 16  # processes, as many as the automatic search tries
SECONDS = 3.0
"""Of training for each number of processes."""
ENDLESS = 10**6
NEAR = 0.95
"""What the automatic choice should reach of the best of the exhaustive scan."""


def networks(setting: Setting) -> dict[str, dict[str, Any]]:
    """A network that fills a card, one that nearly does, one that does not."""
    width = setting.pick(64, 4)
    return {
        "dense": {"layer": "dense"},
        "low_rank 10%": at_share("low_rank", 0.10, width),
        "dense, an eighth as wide": {"layer": "dense", "width": setting.pick(8, 2)},
    }


def cells(setting: Setting) -> Iterator[Cell]:
    """Without MPS first, as the search itself runs."""
    for service in (False, True):
        for name, keys in list(networks(setting).items())[:: setting.pick(1, 2)]:
            key = f"{name}, {'with' if service else 'without'} MPS"
            yield Cell(key, setting.pick(200, 20), partial(share, setting, keys, service))


def share(setting: Setting, keys: Mapping[str, Any], service: bool) -> dict[str, Any]:
    """An exhaustive scan of 1 to ``MOST`` processes, then the automatic search, measured anew."""
    config = setting.config(**{**keys, "validation_images": 0, "epochs": ENDLESS})
    most = setting.pick(MOST, 3)
    try:
        with (
            mps() if service else contextlib.nullcontext() as running,
            process_pool(setting, config, most, running.environment if running else {}) as pool,
        ):
            if isinstance(running, Mps):
                running.check_clients()
            return _scan(setting, pool)
    except MpsUnavailable as reason:
        return {"unavailable": str(reason)}


def _scan(setting: Setting, pool: ProcessPool) -> dict[str, Any]:
    # what plans a search is imported here: the stages before this one need none of it
    from tune_app.engine.gpu_share import ShareMeasurement, search_share

    seconds = setting.pick(SECONDS, 0.3)
    scan = {}
    for together in range(1, pool.size + 1):
        speed = pool.train(together, seconds)
        assert speed is not None
        scan[together] = speed.images_per_second

    def measure(together: int) -> ShareMeasurement | None:
        speed = pool.train(together, seconds)
        return speed and ShareMeasurement(together, speed.images_per_second, speed.bytes_each)

    fraction, table = search_share(measure, _card_bytes(setting.device))
    chosen, best = round(1 / fraction), max(scan, key=scan.__getitem__)
    return {
        "images_per_second": scan,
        "auto_table": {row.together: row.images_per_second for row in table},
        "bytes_each": table[0].peak_bytes,
        "fitted": pool.size,
        "chosen": chosen,
        "best": best,
        "chosen_of_best": scan[chosen] / scan[best],
        "best_over_alone": scan[best] / scan[1],
    }


def _card_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return 1 << 40


def summarise(found: Mapping[str, Any]) -> Summary:
    """A row a network: alone, the best, and what the automatic search chose."""
    rows, misses = [], []
    for key, cell in found.items():
        if "unavailable" in cell:
            misses.append(f"{key}: {cell['unavailable']}")
            continue
        scan = {int(together): speed for together, speed in cell["images_per_second"].items()}
        rows.append(
            [
                key,
                f"{scan[1]:,.0f}",
                str(cell["best"]),
                f"{scan[cell['best']]:,.0f}",
                f"{cell['best_over_alone']:.2f}",
                str(cell["chosen"]),
                f"{cell['chosen_of_best']:.2f}",
                f"{cell['bytes_each'] / 2**30:.2f}",
                str(cell["fitted"]),
            ]
        )
        if cell["chosen_of_best"] < NEAR:
            misses.append(f"{key}: auto chose {cell['chosen']}, {cell['best']} is the best")
    headers = (
        "network",
        "images/s alone",
        "best",
        "images/s in all",
        "gain",
        "auto",
        "of best",
        "GiB each",
        "fitted",
    )
    return Summary(headers, rows, {}, misses)


STAGE = Stage("sharing", "how many trials should share the card?", cells, summarise)
