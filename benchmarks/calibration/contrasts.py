"""Contrasts: two treatments over blocks, some noisier or thinner than others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims.comparison import named_contrast
from analysis.statistics.contrasts import effect_of_blocks
from analysis.statistics.least_lead import smallest_lead
from benchmarks.calibration.design import (
    CHEAP,
    CHOOSING,
    FALSE,
    MIDDLE,
    PROMISED,
    SHOWN,
    SIGMA,
    Design,
    Draw,
    noisy,
    shown,
)
from benchmarks.calibration.simulated import NOISES, Config, Plan, choice, plan, space
from trainables.text.count import plural

SCALING = {"kind": "contrast", "key": "weight_decay_scaling", "baseline": 0.0, "treatment": 1.0}
RANK_KEYS = {"rank": choice(*range(2, 64)), "weight_decay_scaling": choice(0.0, 1.0)}


def scaled_configs(ranks: Sequence[int], seeds: Sequence[int], **keys: Any) -> list[Config]:
    return [
        {"layer": "low_rank", "rank": rank, "weight_decay_scaling": a, "seed": seed, **keys}
        for rank in ranks
        for a in (0.0, 1.0)
        for seed in seeds
    ]


@functools.cache
def _contrast_plan(blocks: int, seeds: int) -> Plan:
    return plan(space(RANK_KEYS, [SCALING]), scaled_configs(range(4, 4 + blocks), range(seeds)))


def contrast(
    blocks: int, seeds: int, *, between: float = 0.0, noisy_blocks: int = 0, noise: str = "normal"
) -> Draw:
    """No effect on average; architectures differ in it by ``between`` σ."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _contrast_plan(blocks, seeds)
        block = np.arange(len(ours.configs)) // (2 * seeds)
        treated = np.arange(len(ours.configs)) // seeds % 2
        liking = between * SIGMA * rng.normal(size=blocks)
        sigma = np.where(block < noisy_blocks, 6 * SIGMA, SIGMA)
        mean = MIDDLE + 0.002 * block + treated * liking[block]
        return {"false": shown(ours.study(noisy(ours, mean, sigma, rng, noise)))}

    return draw


def promised(blocks: int, seeds: int) -> Draw:
    """The treatment is ahead by the least lead that ``--plan`` says can be shown."""
    lead = smallest_lead(seeds, blocks) * SIGMA

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _contrast_plan(blocks, seeds)
        mean = [MIDDLE + lead * config["weight_decay_scaling"] for config in ours.configs]
        return {"shown": shown(ours.study(noisy(ours, mean, SIGMA, rng)))}

    return draw


def numbers_promised(blocks: int, seeds: int) -> Draw:
    """As ``promised``, from the cells' numbers."""
    lead = smallest_lead(seeds, blocks)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = rng.normal(size=(blocks, 2, seeds))
        values[:, 1] += lead
        count = np.full((blocks, 2), float(seeds))
        found = effect_of_blocks(values.mean(axis=2), values.var(axis=2, ddof=1), count)
        return {"shown": found.p < 0.05}

    return draw


@functools.cache
def _unequal_plan(few: int, many: int) -> Plan:
    one = scaled_configs([8], range(max(few, many)))
    kept = [c for c in one if c["seed"] < (many if c["weight_decay_scaling"] else few)]
    return plan(space(RANK_KEYS, [SCALING]), kept)


def unequal(few: int, many: int) -> Draw:
    """One architecture: few runs at σ .6 points against many at .1."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _unequal_plan(few, many)
        sigma = [0.001 if c["weight_decay_scaling"] else 0.006 for c in ours.configs]
        return {"false": shown(ours.study(noisy(ours, MIDDLE, sigma, rng)))}

    return draw


def lost_seeds(rng: np.random.Generator) -> dict[str, bool]:
    """28 ranks × 2 × 3 seeds, a true point, one cell lost two seeds."""
    ours = _contrast_plan(28, 3)
    treated = [c["weight_decay_scaling"] for c in ours.configs]
    status = ["finished"] * len(ours.configs)
    status[4:6] = ["failed"] * 2
    accuracy = noisy(ours, MIDDLE + 0.01 * np.array(treated), SIGMA, rng)
    return {"shown": shown(ours.study(accuracy, status))}


@functools.cache
def _dims_plan() -> Plan:
    families, shares = ("tensor_train", "tucker", "cp"), (0.05, 0.08, 0.12, 0.2)
    keys = {
        "layer": choice(*families),
        "compression": choice(*shares),
        "dims": choice(2, 3, layer=families),
    }
    question = {"kind": "contrast", "key": "dims", "baseline": 2, "treatment": 3}
    configs = [
        {"layer": layer, "compression": share, "dims": dims, "seed": seed}
        for layer in families
        for share in shares
        for dims in (2, 3)
        for seed in CHOOSING
    ]
    return plan(space(keys, [question]), configs)


def dims_by_family(rng: np.random.Generator) -> dict[str, bool]:
    """Each family has its own effect of dims, sd .2 points: a pooled claim would be of all."""
    ours = _dims_plan()
    liking = {name: 0.002 * rng.normal() for name in ("tensor_train", "tucker", "cp")}
    mean = [MIDDLE + (c["dims"] == 3) * liking[c["layer"]] for c in ours.configs]
    study = ours.study(noisy(ours, mean, SIGMA, rng))
    found = named_contrast(study)
    pooled = found.effect.p < 0.05
    alone = getattr(found, "claims", ())
    wrong = any(
        claim.verdict == "shown" and claim.effect * liking[claim.words.split()[0]] < 0
        for claim in alone
    )
    return {"false": bool(pooled or wrong)}


def numbers_contrast(
    sigma: Sequence[float], seeds: int, *, between: float = 0.0, noise: str = "normal"
) -> Draw:
    """As ``contrast``, from the cells' numbers."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        blocks = len(sigma)
        values = NOISES[noise](rng, blocks * 2 * seeds).reshape(blocks, 2, seeds)
        values = values * np.array(sigma)[:, None, None]
        values[:, 1] += between * SIGMA * rng.normal(size=(blocks, 1))
        count = np.full((blocks, 2), float(seeds))
        found = effect_of_blocks(values.mean(axis=2), values.var(axis=2, ddof=1), count)
        return {"false": found.p < 0.05}

    return draw


def numbers_unequal(few: int, many: int) -> Draw:
    """As ``unequal``, from the cells' numbers."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        cells = [rng.normal(0, 0.006, few), rng.normal(0, 0.001, many)]
        mean, variance = (np.array([[f(c) for c in cells]]) for f in (np.mean, _variance))
        found = effect_of_blocks(mean, variance, np.array([[few, many]], dtype=float))
        return {"false": found.p < 0.05}

    return draw


def numbers_lost(rng: np.random.Generator) -> dict[str, bool]:
    """As ``lost_seeds``, from the cells' numbers."""
    values = SIGMA * rng.normal(size=(28, 2, 3))
    values[:, 1] += 0.01
    mean, variance = values.mean(axis=2), values.var(axis=2, ddof=1)
    count = np.full((28, 2), 3.0)
    mean[0, 1], variance[0, 1], count[0, 1] = values[0, 1, 0], np.nan, 1
    return {"shown": effect_of_blocks(mean, variance, count).p < 0.05}


def numbers_dims(rng: np.random.Generator) -> dict[str, bool]:
    """As ``dims_by_family``, from the cells' numbers: each family alone, with Holm's correction."""
    from analysis.statistics.multiple_tests import holm

    liking, found = 0.002 * rng.normal(size=3), []
    for effect in liking:
        values = SIGMA * rng.normal(size=(4, 2, 3))
        values[:, 1] += effect
        count = np.full((4, 2), 3.0)
        found.append(effect_of_blocks(values.mean(axis=2), values.var(axis=2, ddof=1), count))
    p_values = holm([one.p for one in found])
    wrong = [
        p < 0.05 and one.effect * effect < 0
        for one, effect, p in zip(found, liking, p_values, strict=True)
    ]
    return {"false": any(wrong)}


def _variance(values: np.ndarray) -> float:
    return float(np.var(values, ddof=1))


def _contrast_design(what: str, sigma: Any, blocks: int, seeds: int, **more: Any) -> Design:
    fast = numbers_contrast([sigma] + [SIGMA] * (blocks - 1), seeds, **more)
    ours = contrast(blocks, seeds, noisy_blocks=int(sigma > SIGMA), **more)
    return Design(what, ours, FALSE, CHEAP, fast=fast)


CONTRASTS = {
    "contrast, n = 2 at σ .6 against n = 20 at .1": Design(
        "no effect, one block", unequal(2, 20), FALSE, CHEAP, fast=numbers_unequal(2, 20)
    ),
    "contrast, n = 3 at σ .6 against n = 20 at .1": Design(
        "no effect, one block", unequal(3, 20), FALSE, CHEAP, fast=numbers_unequal(3, 20)
    ),
    "contrast, 4 blocks": _contrast_design("no effect, n = 3", SIGMA, 4, 3),
    "contrast, 4 blocks, smallest 6 times noisier": _contrast_design(
        "no effect, n = 3", 6 * SIGMA, 4, 3
    ),
    "contrast, 4 blocks, skewed noise": _contrast_design(
        "no effect, n = 3", SIGMA, 4, 3, noise="skewed"
    ),
    "contrast, 4 blocks, heavy noise": _contrast_design(
        "no effect, n = 3", SIGMA, 4, 3, noise="heavy"
    ),
    "contrast, 8 blocks that differ by σ": _contrast_design(
        "no effect on average, n = 3", SIGMA, 8, 3, between=1.0
    ),
    "contrast, 8 blocks, smallest 6 times noisier": _contrast_design(
        "no effect, n = 3", 6 * SIGMA, 8, 3
    ),
    "contrast, 28 blocks, n = 2": _contrast_design("no effect", SIGMA, 28, 2),
    "dims, each family its own effect": Design(
        "three families, four budgets, n = 3", dims_by_family, FALSE, fast=numbers_dims
    ),
    "28 ranks, one cell lost two seeds": Design(
        "true +1.0 point, n = 3", lost_seeds, SHOWN, fast=numbers_lost
    ),
}
CONTRASTS |= {
    f"contrast, the least lead promised, n = {seeds}, {plural(blocks, 'block')}": Design(
        "", promised(blocks, seeds), PROMISED, fast=numbers_promised(blocks, seeds)
    )
    for seeds in (2, 3, 5, 8)
    for blocks in (1, 3, 8)
}
