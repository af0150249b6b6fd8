"""Fixture studies, read once for all chart tests."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import load_study
from analysis.study.study import Study
from tests.analysis import spaces
from tests.analysis.simulation import write_study


def sweep(folder: Path) -> Path:
    """Tensor trains of 12 rank divisors × 4 numbers of dimensions; some are the same network."""
    configs = [
        {"layer": "tensor_train", "rank_divisor": divisor, "dims": dims}
        for divisor in range(2, 14)
        for dims in (2, 3, 9, 12)
    ]
    keys = {"rank_divisor": {"role": "scientific"}, "dims": {"role": "scientific"}}
    return write_study(folder, configs, space={**spaces.FAMILIES, "keys": keys})


def scales(folder: Path) -> Path:
    """Rank scales, which only one of the families has."""
    layers = [{"layer": "separable"}, *({"layer": "tucker", "rank_scale": s} for s in (0.2, 0.5))]
    configs = [{**layer, "epochs": 8, "seed": seed} for layer in layers for seed in (0, 1)]
    keys = {"layer": {"role": "scientific"}, "rank_scale": {"role": "scientific"}}
    return write_study(folder, configs, space={**spaces.FAMILIES, "keys": keys})


def test_set(folder: Path) -> Path:
    """A repetition of the original study: judged on the test set, with its faults."""
    original = {"validation_images": 0, "protocol": "original_tt", "epochs": 8}
    configs = [
        {"layer": "low_rank", "rank": rank, "seed": seed, **original}
        for rank in (8, 32)
        for seed in (0, 1, 2)
    ]
    return write_study(folder, configs, space=spaces.FAMILIES)


def edge(folder: Path) -> Path:
    """A learning rate that is best at the largest value tried."""
    configs = [{"layer": "dense", "learning_rate": rate} for rate in (0.03, 0.06, 0.12, 0.2)]
    rate = {"kind": "float", "low": 0.03, "high": 0.2, "log": True, "grid": []}
    keys = {"learning_rate": {"role": "nuisance", "domain": rate, "when": {}}}
    return write_study(folder, configs, space={**spaces.FAMILIES, "keys": keys})


def measured(folder: Path) -> Path:
    """Three networks, exported: two measured on one machine, the third on another."""
    layers = ("dense", "separable", "low_rank")
    configs = [{"layer": layer, **({"rank": 8} if layer == "low_rank" else {})} for layer in layers]
    write_study(folder, configs, space=spaces.FAMILIES)
    cards = folder / "latency"
    cards.mkdir()
    trials = load_study(folder).trials["trial_id"]
    machines = ("laptop", "laptop", "server")
    for trial, median, machine in zip(trials, (0.008, 0.003, 0.0001), machines, strict=True):
        rows = [{"batch": 64, "median": 9.0}, {"batch": 1, "median": median}]
        card = {"trial_id": trial, "latency": rows, "machine": machine, "threads": 1}
        (cards / f"{trial}.json").write_text(json.dumps(card))
    (cards / "cut-off.json").write_text("{")
    return folder


@pytest.fixture(scope="session")
def study(study_folder, tmp_path_factory) -> Callable[[str], Study]:
    """A named fixture study, loaded: those of all tests, and those that only charts need."""
    root = tmp_path_factory.mktemp("charts")
    ours = {
        "sweep": sweep,
        "scales": scales,
        "test_set": test_set,
        "edge": edge,
        "measured": measured,
    }

    @functools.cache
    def read(name: str) -> Study:
        return load_study(ours[name](root / name) if name in ours else study_folder(name))

    return read
