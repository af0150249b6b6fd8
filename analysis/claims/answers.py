"""What a study answers: the best configuration, how sure that is, and every other claim."""

from __future__ import annotations

import math

import pandas as pd

from analysis.claims.claim import Claim, evidence, p_words, points
from analysis.claims.comparison import (
    WORTH_SHOWING,
    named_contrast,
    secondary_comparisons,
)
from analysis.statistics.intervals import pooled_sd, t_p_value, t_quantile
from analysis.statistics.power import runs_needed
from analysis.study.study import Study


def answer(study: Study) -> Claim:
    """The answer in one sentence: the named contrast where there is one, else the best network."""
    contrast = named_contrast(study)
    if contrast is not None and contrast.effect.blocks:
        return contrast.claim
    return best_claim(study)


def claims(study: Study) -> list[Claim]:
    """Everything that may be said of a study in words, the main thing first."""
    said = [best_claim(study)]
    contrast = named_contrast(study)
    if contrast is not None:
        said.insert(0, contrast.claim)
        paired = contrast.pairing
        words = paired.words[0].upper() + paired.words[1:] + "."
        known = (
            "cannot_say" if math.isnan(paired.p) else "shown" if paired.p < 0.05 else "not_shown"
        )
        said.append(
            Claim(words, known, paired.pairs, paired.correlation, paired.low, paired.high, paired.p)  # type: ignore[arg-type]
        )
    said += [comparison.claim for comparison in secondary_comparisons(study)]
    return said


def best_claim(study: Study) -> Claim:
    """Which configuration is best, by how much, and whether that is more than chance."""
    frame = study.replicates.sort_values("mean", ascending=False, kind="stable")
    if not len(frame):
        counts = study.trials["status"].value_counts()
        seen = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
        text = f"Nothing can be said: no trial has finished ({seen or 'none is planned'})."
        return Claim(text, "cannot_say", 0)
    best = frame.iloc[0]
    name = f"{best['label']} ({_count(best['parameters'])} parameters)"
    scored = f"{points(best['mean'])} % {_what(study.metric)}"
    sd, df = pooled_sd(frame["sd"], frame["n"])
    runs = int(frame["n"].sum())
    if not df:
        text = f"One seed cannot say which is best: {name} came out highest, {scored} (n = 1)."
        return Claim(text, "cannot_say", runs)
    half = float(t_quantile(df)) * sd / math.sqrt(best["n"])
    mean = f"{name} is best: {scored} ± {points(half)} (95 % interval, n = {best['n']})"
    if len(frame) == 1:
        low, high = best["mean"] - half, best["mean"] + half
        return Claim(
            f"{mean}, and nothing else finished.", "cannot_say", runs, best["mean"], low, high
        )
    return _against_next(frame, mean, sd, df)


def _against_next(frame: pd.DataFrame, mean: str, sd: float, df: int) -> Claim:
    """The best against the next, corrected for having been picked among all."""
    best, following = frame.iloc[0], frame.iloc[1]
    ahead = float(best["mean"] - following["mean"])
    se = sd * math.sqrt(1 / best["n"] + 1 / following["n"])
    p, reach = _picked(ahead, se, df, len(frame))
    low, high = ahead - reach * se, ahead + reach * se
    runs = int(frame["n"].sum())
    numbers = f"{evidence(ahead, low, high, p)}, n = {runs} runs of {len(frame)} configurations"
    if p < 0.05:
        text = f"{mean}, ahead of {following['label']} by {numbers}."
        return Claim(text, "shown", runs, ahead, low, high, p)
    text = f"{mean.replace(' is best', ' came out highest')}, but is not shown to be better than "
    text += f"{following['label']}: {numbers}{_wanted(sd, len(frame))}."
    return Claim(text, "not_shown", runs, ahead, low, high, p)


def _wanted(sd: float, count: int) -> str:
    """How many runs would show a lead, picked among as many configurations."""
    runs = runs_needed(WORTH_SHOWING, sd, alpha=0.05 / _pairs(count))
    said = f"; a lead of {points(WORTH_SHOWING)} points would take {runs:,} runs of each"
    return said if runs else ""


def _picked(ahead: float, se: float, df: int, count: int) -> tuple[float, float]:
    """p-value and reach, in standard errors, of one of all pairs of ``count`` (Bonferroni)."""
    pairs = _pairs(count)
    p = min(1.0, float(t_p_value(ahead, se, df)) * pairs)
    return p, float(t_quantile(df, 1 - 0.05 / pairs))


def _pairs(count: int) -> float:
    return count * (count - 1) / 2


def _what(metric: str) -> str:
    return "test accuracy" if metric == "test_accuracy" else "validation accuracy"


def _count(value: float) -> str:
    return f"{int(value):,}"


__all__ = ["answer", "best_claim", "claims", "p_words"]
