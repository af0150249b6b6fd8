"""Whether equal seeds give correlated results under two treatments, measured rather than assumed.

Run-to-run variation is mostly chaotic and does not follow the seed (Jordan 2023, arXiv 2304.01910).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy import special

from analysis.claims.claim import p_words
from analysis.statistics.intervals import t_p_value


@dataclass(frozen=True)
class Pairing:
    """Correlation of the two treatments' results over seeds, within architectures.

    Attributes:
        correlation: Pearson's r; NaN where too few pairs are left to estimate it.
        low: lower end of its 95 % interval.
        high: upper end.
        p: two-sided p-value of r = 0.
        pairs: number of (architecture, seed) pairs.
        words: the result as a sentence.
    """

    correlation: float
    low: float
    high: float
    p: float
    pairs: int
    words: str

    @property
    def shown(self) -> bool:
        """Whether seeds pair: the correlation is positive, and by more than chance."""
        return self.p < 0.05 and self.correlation > 0


def pairing(runs: pd.DataFrame) -> Pairing:
    """Measures the correlation.

    Args:
        runs: columns ``block``, ``seed``, ``treated`` (bool) and ``value``.
    """
    if not len(runs):
        text = "whether seeds pair cannot be told from 0 pairs"
        return Pairing(math.nan, math.nan, math.nan, math.nan, 0, text)
    wide = runs.groupby(["block", "seed", "treated"])["value"].mean().unstack("treated")
    wide = wide.dropna() if wide.shape[1] == 2 else wide.iloc[:0].reindex(columns=[False, True])
    centred = (wide - wide.groupby(level="block").transform("mean")).to_numpy(dtype=float)
    groups = wide.index.get_level_values("block").nunique()
    free = len(wide) - groups  # subtracting its means costs each block one independent pair
    if free < 3:
        text = f"whether seeds pair cannot be told from {len(wide)} pairs"
        return Pairing(math.nan, math.nan, math.nan, math.nan, len(wide), text)
    x, y = centred.T
    r = float((x * y).sum() / math.sqrt((x**2).sum() * (y**2).sum() or math.inf))
    df = free - 1
    p = float(t_p_value(r, math.sqrt(max(1 - r * r, 1e-12) / df), df))
    low, high = _fisher(r, free)
    return Pairing(r, low, high, p, len(wide), _words(r, low, high, p, len(wide)))


def _fisher(r: float, free: int) -> tuple[float, float]:
    """The 95 % interval of a correlation by Fisher's z; ``free`` + 1 plays the sample size."""
    half = float(special.ndtri(0.975)) / math.sqrt(max(free - 2, 1))
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return math.tanh(z - half), math.tanh(z + half)


def _words(r: float, low: float, high: float, p: float, pairs: int) -> str:
    numbers = f"r = {r:z.2f}, 95 % interval {low:z.2f} to {high:z.2f}, {p_words(p)}, {pairs} pairs"
    if p < 0.05 and r > 0:
        return f"equal seeds give correlated results ({numbers}), which sharpens a comparison"
    return (
        f"equal seeds are not shown to give correlated results ({numbers}); they are treated as"
        " independent runs"
    )
