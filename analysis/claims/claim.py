"""A claim: a sentence and the numbers that support it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["shown", "not_shown", "cannot_say"]


@dataclass(frozen=True)
class Claim:
    """A sentence for the reader, and the numbers that support it.

    Attributes:
        words: the sentence; it says no more than the verdict allows.
        verdict: "shown" where the evidence supports the statement, "not_shown" where it does not,
            "cannot_say" where the runs allow no interval.
        n: runs that the claim rests on.
        effect: in the metric's own unit (a fraction for accuracies); NaN where there is none.
        low: lower end of its 95 % interval, or NaN.
        high: upper end, or NaN.
        p: p-value that the verdict follows from, or NaN.
    """

    words: str
    verdict: Verdict
    n: int
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan

    def __str__(self) -> str:
        return self.words


def points(fraction: float, *, signed: bool = False) -> str:
    """A fraction, or a difference of two, in percentage points: 0.0031 → "0.31".

    A lead of a single image in many runs has more digits: 0.00003 → "0.003".
    """
    value, sign = 100 * fraction, "+" if signed else ""
    texts = (f"{value:{sign}.{digits}f}" for digits in (2, 3, 4))
    return next((text for text in texts if float(text)), f"{0:{sign}.2f}")


def p_words(p: float) -> str:
    """A p-value as journals print it, with as many digits as tell on which side of .05 it lies."""
    if p < 0.001:
        return "p < .001"
    digits = next((digits for digits in range(3, 10) if round(p, digits) != 0.05), 3)
    return f"p = {p:.{digits}f}".replace("0.", ".", 1)


def p_cell(p: float) -> str:
    """The same in a column of p-values: ".008", "< .001"; "" without a test."""
    return "" if math.isnan(p) else p_words(p).removeprefix("p ").removeprefix("= ")


def evidence(effect: float, low: float, high: float, p: float) -> str:
    """A difference in words: "+0.40 points (95 % interval +0.12 to +0.68, p = .008)"."""
    return f"{points(effect, signed=True)} points ({interval_words(low, high)}, {p_words(p)})"


def interval_words(low: float, high: float) -> str:
    """The interval of a difference: "95 % interval +0.12 to +0.68"."""
    return f"95 % interval {points(low, signed=True)} to {points(high, signed=True)}"


def spread_words(spread: float) -> str:
    """What unequal spreads did to a test; "" where they are not shown to differ.

    Args:
        spread: how many times as far the runs of one side spread as the other's, 1 for equally far.
    """
    if spread == 1:
        return ""
    wide = max(spread, 1 / spread) if spread else math.inf
    text = (
        f"{wide:.1f} times as far as the other's"
        if math.isfinite(wide)
        else "and the other's do not"
    )
    return f"; one side's runs spread {text}, so the chance of error counts double"


def value_words(value: object) -> str:
    """A key's value as a sentence shows it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def metric_words(metric: str) -> str:
    """The name of an accuracy: by the images that it is measured on."""
    return "test accuracy" if metric == "test_accuracy" else "validation accuracy"


def sentence(text: str) -> str:
    """The text as a sentence: with a capital first letter and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."
