"""Fixture studies: ``STUDIES[name](folder)`` writes one and returns the study folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.record.rows import Infeasible
from analysis.study.best import best_configuration, best_of_configuration
from analysis.study.study import Study
from tests.analysis import spaces
from tests.analysis.simulation import FINISHED, Fate, Model, write_study

OUT_OF_MEMORY = Fate(
    "failed", 3, "out_of_memory", "torch.OutOfMemoryError: tried to allocate 2.00 GiB"
)
EXCEPTION = Fate(
    "failed", 0, "exception", "Traceback (most recent call last):\nValueError: broken on purpose"
)
DIVERGED = Fate("diverged", 5)


def best_trial(study: Study, max_parameters: int | None = None) -> pd.Series:
    """The best configuration's best finished trial."""
    best = best_configuration(study, max_parameters)
    return best_of_configuration(study, str(best["configuration"]))


def _families(ranks: Sequence[int], *, epochs: int = 24, **keys: Any) -> list[dict[str, Any]]:
    """Dense and separable once, the ranked families at every rank."""
    plain = [{"layer": layer, "epochs": epochs, **keys} for layer in ("dense", "separable")]
    ranked = ("low_rank", "tensor_train")
    return plain + [
        {"layer": layer, "rank": rank, "epochs": epochs, **keys}
        for layer in ranked
        for rank in ranks
    ]


def empty(folder: Path) -> Path:
    """A study in which nothing is planned."""
    return write_study(folder, [], space=spaces.FAMILIES)


def one(folder: Path) -> Path:
    """A single dense network."""
    return write_study(folder, [{"layer": "dense", "epochs": 8}], space=spaces.FAMILIES)


def twelve(folder: Path) -> Path:
    """Four families, six configurations, two seeds each; all finished."""
    configs = [
        {**config, "seed": seed} for config in _families((8, 32), epochs=8) for seed in (0, 1)
    ]
    infeasible = Infeasible({"layer": "cp", "parameters": 10}, "no rank fits 10 parameters")
    return write_study(folder, configs, space=spaces.FAMILIES, infeasible=[infeasible])


def one_seed(folder: Path) -> Path:
    """Ten configurations, one seed: nothing can be said about differences."""
    return write_study(folder, _families((4, 8, 16, 32), epochs=8), space=spaces.FAMILIES)


def half_done(folder: Path) -> Path:
    """Twelve planned, six ended, four running, two waiting; the driver is at work."""
    configs = [
        {**config, "seed": seed} for config in _families((8, 32), epochs=8) for seed in (0, 1)
    ]
    return write_study(folder, configs, space=spaces.FAMILIES, closes_after=6)


def all_failed(folder: Path) -> Path:
    """Six trials, each of which raised three times."""
    configs = _families((8, 32), epochs=8)
    return write_study(folder, configs, space=spaces.FAMILIES, fates=lambda trial: (EXCEPTION,) * 3)


def troubled(folder: Path) -> Path:
    """Every way to end: finished, diverged, failed, retried, interrupted, never run."""
    fates = [
        FINISHED,
        (OUT_OF_MEMORY, Fate()),
        (DIVERGED,),
        (EXCEPTION, EXCEPTION, EXCEPTION),
        (Fate("interrupted", 4),),
        (),
    ]
    return write_study(
        folder,
        _families((8, 32), epochs=8),
        space=spaces.FAMILIES,
        fates=lambda trial: fates[trial],
    )


def asha(folder: Path) -> Path:
    """Ninety trials of which ASHA stopped most, at epochs 3 and 9."""
    configs = [
        {"layer": layer, "rank": rank, "learning_rate": rate}
        for layer in ("low_rank", "tensor_train")
        for rank in (2, 4, 8, 16, 32)
        for rate in (0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2)
    ]
    order = np.random.default_rng(3).permutation(len(configs))
    space = replace_space(spaces.RATES, scheduler="asha")
    return write_study(folder, [configs[i] for i in order], space=space, rungs=(3, 9))


def seeds(
    folder: Path, effect: float = 0.004, replicates: int = 5, model: Model | None = None
) -> Path:
    """Sweep A, small: divisors × {plain, scaled decay} × seeds; scaling helps by ``effect``."""
    configs = [
        {
            "layer": "low_rank",
            "rank_divisor": divisor,
            "weight_decay_scaling": scaling,
            "seed": seed,
        }
        for divisor in (2, 4, 8, 16, 24, 31)
        for scaling in (0.0, 1.0)
        for seed in range(replicates)
    ]
    model = model or Model(effect=effect)
    return write_study(folder, configs, space=spaces.DECAY, model=model)


def confirmed(folder: Path) -> Path:
    """Two seeds of each; then the best three on five fresh seeds, with the test set."""
    configs = [
        {**config, "seed": seed} for config in _families((8, 32), epochs=8) for seed in (0, 1)
    ]
    fresh = [
        {**config, "validation_images": 0, "seed": seed}
        for config in configs[:6:2]
        for seed in range(100, 105)
    ]
    return write_study(folder, configs + fresh, space=spaces.FAMILIES)


def many(folder: Path, trials: int = 1000) -> Path:
    """``trials`` trials over four families, ranks, rates and decays; a few diverged or failed."""
    rng = np.random.default_rng(0)
    layers = ("dense", "separable", "low_rank", "tensor_train")
    configs = []
    for number in range(trials):
        layer = layers[number % 4]
        sized = {"rank": int(2 ** rng.uniform(1, 7))} if number % 4 > 1 else {}
        rate, decay = 10 ** rng.uniform(-1.5, 0.3), 10 ** rng.uniform(-5, -2.5)
        keys = {"learning_rate": float(rate), "weight_decay": float(decay), "seed": number % 3}
        configs.append({"layer": layer, **sized, **keys})
    odd = {13: (DIVERGED,), 29: (EXCEPTION,) * 3, 31: (OUT_OF_MEMORY, Fate())}
    return write_study(
        folder, configs, space=spaces.RATES, fates=lambda trial: odd.get(trial % 50, FINISHED)
    )


def replace_space(space: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A copy of the space with other values."""
    return {**space, **values}


STUDIES: dict[str, Callable[[Path], Path]] = {
    "empty": empty,
    "one": one,
    "twelve": twelve,
    "one_seed": one_seed,
    "half_done": half_done,
    "all_failed": all_failed,
    "troubled": troubled,
    "asha": asha,
    "seeds": seeds,
    "confirmed": confirmed,
    "many": many,
}
