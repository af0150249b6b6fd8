"""One treatment against another over blocks. Why so: docs/statistics.md.

With fewer than ``GENERALISES`` blocks the question is the average over *these* blocks, and every
cell's own variance counts (Welch 1947, Satterthwaite 1946). From there on it is the mean over
blocks like these: a random-effects mean. A block is weighed by its numbers of runs and not by how
closely they agree, because skewed runs that agree are also too high.

The skew of runs cancels in a difference of arms that spread alike. Where one arm spreads further,
the chance of error counts double (``DOUBT``).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.intervals import LEVEL, rounding_variance, spread_ratio, t_p_value, t_test
from analysis.statistics.random_effects import random_effects_mean
from search_spaces.grammar.question import GENERALISES

ARMS = ("baseline", "treatment")

BETWEEN = "a random-effects mean over blocks, Hartung–Knapp interval"
PAIRED = "the average over runs of equal seed, t interval"
WITHIN = "the average over these blocks, Welch–Satterthwaite interval"

DOMINANCE = 2.0
"""By how much the cell that decides the degrees of freedom counts for more than its variance.

The variance of a cell that dominates may be small by chance. Then the standard error is too small
and the degrees of freedom are too many. docs/statistics.md has the rates with and without this.
"""
THIN = 4.0
"""The same for cells of two runs where others have more. Their variance is at least the common
one."""
DOUBT = 2.0
"""By how much the chance of error counts for more where one arm's runs spread further."""


@dataclass(frozen=True)
class Effect:
    """Treatment minus baseline, with its interval; NaN where it cannot be had.

    ``n`` counts runs, ``blocks`` blocks with runs of both, ``seeds`` the most runs of a cell of the
    arm that has fewer. ``left_out`` counts the blocks that were not used because one of their cells
    has a single run. ``spread`` is how many times as far the treatment's runs spread as the
    baseline's; where it is not 1, interval and ``p`` count the chance of error double.
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
    left_out: int = 0
    spread: float = 1.0
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


def estimate(
    runs: pd.DataFrame,
    level: float = LEVEL,
    unit: pd.Series | None = None,
    *,
    paired: bool = False,
) -> Effect:
    """The effect over all blocks that both arms were run on; ``runs`` as in ``cells``.

    ``unit`` says of each block what it is one of (families, say): where there are ``GENERALISES``
    of them or more, their effects are what varies. ``paired`` compares runs of equal ``seed``.
    """
    of_units = unit is not None and unit.nunique() >= GENERALISES
    if paired and not of_units:
        found = effect_of_pairs(differences(runs), level)
        if math.isfinite(found.p):
            return found
    table = cells(runs)
    mean, variance, count = (
        table[name][list(ARMS)].to_numpy(dtype=float) if len(table) else np.zeros((0, 2))
        for name in ("mean", "var", "count")
    )
    variance = np.maximum(variance, rounding_variance(runs["value"]))
    if unit is not None and of_units:
        numbers = unit.reindex(table.index).factorize()[0]
        return effect_of_units(mean, variance, count, numbers, level)
    return effect_of_blocks(mean, variance, count, level)


def differences(runs: pd.DataFrame) -> np.ndarray:
    """Treatment minus baseline of equal seeds, (blocks, seeds); NaN where either has no run."""
    wide = runs.groupby(["treated", "block", "seed"])["value"].mean()
    if wide.index.get_level_values("treated").nunique() < 2:
        return np.zeros((0, 0))
    apart = (wide.loc[True] - wide.loc[False]).unstack("seed").dropna(how="all")
    return apart.to_numpy(dtype=float)


def effect_of_pairs(difference: np.ndarray, level: float = LEVEL) -> Effect:
    """The effect where runs pair by their seed: (blocks, seeds) differences, NaN where none is.

    What a seed does to the difference may be alike in all blocks: seeds are what varies. From
    ``GENERALISES`` blocks on blocks vary as well, and the less certain of both counts.
    """
    whole = difference[:, np.isfinite(difference).all(axis=0)]
    if not whole.size or whole.shape[1] < 2:
        return Effect()
    of_seeds = whole.mean(axis=0)
    least = rounding_variance(difference[np.isfinite(difference)])
    se = math.sqrt(max(float(of_seeds.var(ddof=1)), least / len(whole)) / len(of_seeds))
    candidates = [(float(of_seeds.mean()), se, len(of_seeds) - 1.0)]
    if len(difference) >= GENERALISES:
        count = np.isfinite(difference).sum(axis=1).astype(float)
        variance = np.maximum(_variances(difference), least)
        noise = _common(variance, count) / count
        candidates.append(random_effects_mean(np.nanmean(difference, axis=1), noise))
    effect, se, df = max(candidates, key=lambda one: float(t_p_value(*one)))
    low, high, p = t_test(effect, se, df, level)
    runs = 2 * int(np.isfinite(difference).sum())
    return Effect(
        effect, low, high, p, df, se, runs, len(difference), whole.shape[1], method=PAIRED
    )  # fmt: skip


def _variances(difference: np.ndarray) -> np.ndarray:
    """Each row's variance, NaN where it has one value."""
    known = np.isfinite(difference)
    centred = np.where(known, difference - np.nanmean(difference, axis=1, keepdims=True), 0.0)
    free = known.sum(axis=1) - 1.0
    return np.where(free > 0, (centred**2).sum(axis=1) / np.maximum(free, 1), np.nan)


def effect_of_units(
    mean: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
    unit: np.ndarray,
    level: float = LEVEL,
) -> Effect:
    """The effect over units of several blocks each; arguments as in ``effect_of_blocks``.

    ``unit`` is the number of each block's unit, from 0, (blocks,).
    """
    whole = effect_of_blocks(mean, variance, count, level)
    if not math.isfinite(whole.p):
        return whole
    noise = _noise(variance, count)
    members = [unit == number for number in range(unit.max() + 1)]
    difference = mean[:, 1] - mean[:, 0]
    values = np.array([difference[members_of_unit].mean() for members_of_unit in members])
    spread = np.array(
        [noise[members_of_unit].sum() / members_of_unit.sum() ** 2 for members_of_unit in members]
    )
    return _tested(whole, random_effects_mean(values, spread), level)


def _tested(found: Effect, numbers: tuple[float, float, float], level: float) -> Effect:
    """The effect with its test; ``numbers`` are the effect, its standard error and its df."""
    effect, se, df = numbers
    low, high, p = t_test(effect, se, df, level, doubt_of(found.spread))
    return dataclasses.replace(found, effect=effect, low=low, high=high, p=p, df=df, se=se)


def effect_of_blocks(
    mean: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
    level: float = LEVEL,
    generalises: int = GENERALISES,
) -> Effect:
    """The effect from the cells' means, variances (NaN: one run) and counts, (blocks, 2) each.

    The baseline comes first. NaN where no cell of an arm has two runs, and where few blocks all
    have a cell of one run: how far runs differ by chance is not known there. With fewer blocks than
    ``generalises`` the effect is the average over these blocks.
    """
    blocks = len(mean)
    if not blocks:
        return Effect()
    few = blocks < generalises
    known = (count >= 2).all(axis=1)
    left_out = int((~known).sum()) if few and known.any() else 0
    if left_out:
        mean, variance, count = mean[known], variance[known], count[known]
    difference = mean[:, 1] - mean[:, 0]
    seeds = int(count.max(axis=0).min())
    method = WITHIN if few else BETWEEN
    found = Effect(
        float(difference.mean()), n=int(count.sum()), blocks=len(mean), seeds=seeds,
        left_out=left_out, spread=_spread(variance, count), method=method,
    )  # fmt: skip
    if seeds < 2 or (few and not known.any()):
        return found
    if few:
        return _tested(found, _fixed_blocks(difference, variance, count), level)
    return _tested(found, random_effects_mean(difference, _noise(variance, count)), level)


def _spread(variance: np.ndarray, count: np.ndarray) -> float:
    """``Effect.spread``."""
    baseline, treatment = (_common(variance[:, arm], count[:, arm]) for arm in (0, 1))
    free = np.maximum(count - 1, 0).sum(axis=0)
    return spread_ratio((baseline, treatment), (free[0], free[1]))


def doubt_of(spread: float) -> float:
    """How many times the chance of error counts, by ``Effect.spread``."""
    return 1.0 if spread == 1 else DOUBT


def _common(variance: np.ndarray, count: np.ndarray) -> float:
    """The variance of an arm's runs, common to its cells; NaN where none has two runs."""
    free = np.where(np.isfinite(variance), count - 1, 0.0)
    squares = float((free * np.nan_to_num(variance)).sum())
    return squares / float(free.sum()) if free.any() else math.nan


def _noise(variance: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Each block's variance of its difference by chance, if all runs of an arm spread alike."""
    common = np.array([_common(variance[:, arm], count[:, arm]) for arm in (0, 1)])
    return (common / count).sum(axis=1)


def _fixed_blocks(
    difference: np.ndarray, variance: np.ndarray, count: np.ndarray
) -> tuple[float, float, float]:
    """The average over these blocks: (effect, standard error, degrees of freedom)."""
    n, spread = count.ravel(), variance.ravel()
    pooled = float(((n - 1) * spread).sum() / (n - 1).sum())
    if len(difference) == 1 and n.min() == 2:
        return float(difference.mean()), math.sqrt((spread / n).sum()), 1.0
    thin = (n == 2) & (spread > 0)  # 0: both cells are the same runs, as in ``carry``
    parts = np.where(thin, np.maximum(spread, pooled), spread) / n
    se = math.sqrt(parts.sum()) / len(difference)
    return float(difference.mean()), se, satterthwaite(parts, n - 1)


def satterthwaite(parts: np.ndarray, free: np.ndarray) -> float:
    """Degrees of freedom of a sum of cells' variances, ``parts``, that have ``free`` each.

    Both are (cells,). The result is lower than Welch's and Satterthwaite's, by ``DOMINANCE`` and
    ``THIN``. ``_welch_df`` in ``claims/carrying.py`` adds up effects that have come through here.
    """
    if not parts.sum() > 0:
        return float(free.sum())
    thin = (free == 1) & ((free == 1).sum() <= len(free) / 3)
    weights = np.where(thin, THIN, 1.0) * parts
    if not thin.any():
        weights[np.argmax(parts**2 / free)] *= DOMINANCE
    return float(weights.sum() ** 2 / (weights**2 / free).sum())
