"""One treatment against another over blocks. Why so: docs/statistics.md.

With fewer than ``GENERALISES`` blocks the question is the average over *these* blocks, and every
cell's own variance counts (Welch 1947, Satterthwaite 1946). From there on it is the mean over
blocks like these: a random-effects mean (Paule, Mandel 1982) with the interval of Hartung and Knapp
(2001), its weights from moderated variances.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.statistics.intervals import LEVEL, t_p_value, t_quantile
from analysis.statistics.moderation import moderate

GENERALISES = 5

ARMS = ("baseline", "treatment")

BETWEEN = "a random-effects mean over blocks, Hartung–Knapp interval"
WITHIN = "the average over these blocks, Welch–Satterthwaite interval"

DOMINANCE = 2.0
"""By how much the cell that decides the degrees of freedom counts for more than its variance.

A cell that dominates is dangerous where its variance came out small by chance: then the standard
error is too short and the degrees of freedom too many at once. docs/statistics.md has both rates.
"""


@dataclass(frozen=True)
class Effect:
    """Treatment minus baseline, with its interval; NaN where it cannot be had.

    ``n`` counts runs, ``blocks`` blocks with runs of both, ``seeds`` the most runs of a cell of the
    arm that has fewer.
    """

    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    df: float = math.nan
    se: float = math.nan
    n: int = 0
    blocks: int = 0
    seeds: int = 0
    method: str = BETWEEN


def cells(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean, variance and count of every block in both arms, one row a block that has both.

    ``runs`` has the columns ``block``, ``treated`` (bool) and ``value``.
    """
    arm = runs["treated"].map({False: "baseline", True: "treatment"}).rename("arm")
    summary = runs.groupby(["block", arm], sort=False)["value"].agg(["mean", "var", "count"])
    wide = summary.unstack("arm")
    if wide.shape[1] < 6:  # one arm is absent
        return wide.iloc[:0]
    return wide[wide["count"].notna().all(axis=1)]


def estimate(runs: pd.DataFrame, level: float = LEVEL, unit: pd.Series | None = None) -> Effect:
    """The effect over all blocks that both arms were run on; ``runs`` as in ``cells``.

    ``unit`` says of each block what it is one of (families, say): where there are ``GENERALISES``
    of them or more, their effects are what varies.
    """
    table = cells(runs)
    mean, variance, count = (
        table[name][list(ARMS)].to_numpy(dtype=float) if len(table) else np.zeros((0, 2))
        for name in ("mean", "var", "count")
    )
    if unit is not None and unit.nunique() >= GENERALISES:
        numbers = unit.reindex(table.index).factorize()[0]
        return effect_of_units(mean, variance, count, numbers, level)
    return effect_of_blocks(mean, variance, count, level)


def effect_of_units(
    mean: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
    unit: np.ndarray,
    level: float = LEVEL,
) -> Effect:
    """The effect over units of several blocks each; arguments as in ``effect_of_blocks``."""
    whole = effect_of_blocks(mean, variance, count, level)
    if not math.isfinite(whole.p):
        return whole
    moderated = moderate(variance.ravel(), count.ravel()).variance.reshape(-1, 2)
    noise = (moderated / count).sum(axis=1)
    members = [unit == number for number in range(unit.max() + 1)]
    difference = mean[:, 1] - mean[:, 0]
    values = np.array([difference[ours].mean() for ours in members])
    spread = np.array([noise[ours].sum() / ours.sum() ** 2 for ours in members])
    effect, se, df = random_effects_mean(values, spread)
    half = float(t_quantile(df, level)) * se
    p = float(t_p_value(effect, se, df))
    return dataclasses.replace(
        whole, effect=effect, low=effect - half, high=effect + half, p=p, df=df, se=se
    )


def effect_of_blocks(
    mean: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
    level: float = LEVEL,
    generalises: int = GENERALISES,
) -> Effect:
    """The effect from the cells' means, variances (NaN: one run) and counts, (blocks, 2) each.

    The baseline comes first. NaN where no cell of an arm has two runs, and where a single block has
    a cell of one run: how far runs differ by chance is not known there. With fewer blocks than
    ``generalises`` the effect is the average over these blocks.
    """
    blocks = len(mean)
    if not blocks:
        return Effect()
    difference = mean[:, 1] - mean[:, 0]
    seeds = int(count.max(axis=0).min())
    described = {"n": int(count.sum()), "blocks": blocks, "seeds": seeds}
    method = BETWEEN if blocks >= generalises else WITHIN
    if seeds < 2 or (blocks == 1 and count.min() < 2):
        return Effect(float(difference.mean()), method=method, **described)
    if blocks >= generalises:
        moderated = moderate(variance.ravel(), count.ravel()).variance.reshape(-1, 2)
        effect, se, df = random_effects_mean(difference, (moderated / count).sum(axis=1))
    else:
        effect, se, df = _fixed_blocks(difference, variance, count)
    half = float(t_quantile(df, level)) * se
    p = float(t_p_value(effect, se, df))
    return Effect(effect, effect - half, effect + half, p, df, se, method=method, **described)


def _fixed_blocks(
    difference: np.ndarray, variance: np.ndarray, count: np.ndarray
) -> tuple[float, float, float]:
    """The average over these blocks: (effect, standard error, degrees of freedom)."""
    own, n = np.maximum(count - 1, 0).ravel(), count.ravel()
    known = own > 0
    total = own[known].sum()
    pooled = (own[known] * variance.ravel()[known]).sum() / total
    parts = np.where(known, np.nan_to_num(variance.ravel()), pooled) / n
    free = np.where(known, own, total)
    se = math.sqrt(parts.sum()) / len(difference)
    df = satterthwaite(parts, free)
    if len(difference) == 1 and n.min() == 2:
        df = 1.0
    return float(difference.mean()), se, df


def satterthwaite(parts: np.ndarray, free: np.ndarray, dominance: float = DOMINANCE) -> float:
    """Degrees of freedom of a sum of variances, ``parts``, that have ``free`` each."""
    if not parts.sum() > 0:
        return float(free.sum())
    weights = parts.copy()
    weights[np.argmax(parts**2 / free)] *= dominance
    return float(weights.sum() ** 2 / (weights**2 / free).sum())


def random_effects_mean(values: np.ndarray, variance: np.ndarray) -> tuple[float, float, float]:
    """(mean, standard error, degrees of freedom) of values that differ beyond their variances."""
    if not (variance > 0).all():
        se = float(values.std(ddof=1)) / math.sqrt(len(values))
        return float(values.mean()), se, len(values) - 1.0
    weights = 1 / (variance + _between(values, variance))
    mean = float((weights * values).sum() / weights.sum())
    spread = float((weights * (values - mean) ** 2).sum()) / (len(values) - 1)
    return mean, math.sqrt(spread / weights.sum()), len(values) - 1.0


def _between(values: np.ndarray, variance: np.ndarray) -> float:
    """The variance between blocks at which the weighted spread is what it should be."""

    def excess(between: float) -> float:
        weights = 1 / (variance + between)
        mean = (weights * values).sum() / weights.sum()
        return float((weights * (values - mean) ** 2).sum()) - (len(values) - 1)

    if excess(0.0) <= 0:
        return 0.0
    high = float(values.var(ddof=1)) + float(variance.max())
    while excess(high) > 0:
        high *= 4
    return float(optimize.brentq(excess, 0.0, high))


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values (1979); NaN stays NaN and counts as no test."""
    known = sorted((p, index) for index, p in enumerate(p_values) if math.isfinite(p))
    adjusted, highest = list(p_values), 0.0
    for place, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - place)))
        adjusted[index] = highest
    return adjusted
