"""A comparison of two treatments: its runs, its numbers, and what may be said of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.arms import TOLERANCE, contrast_runs
from analysis.claims.claim import Claim, evidence, p_words, points
from analysis.claims.pairing import Pairing, pairing
from analysis.record.dtypes import RENAMED
from analysis.statistics.contrasts import Effect, cells, estimate, holm
from analysis.statistics.intervals import pooled_sd
from analysis.statistics.permutation import Permutation, permutation_test
from analysis.statistics.power import runs_needed, runs_table
from analysis.study.configurations import SIZE_COLUMNS
from analysis.study.study import Study

WORTH_SHOWING = 0.005  # half a point: what a reader of accuracies would call a difference
MOST_VALUES = 6  # of a key whose values are all compared with each other


@dataclass(frozen=True)
class Comparison:
    """``treatment`` against ``baseline`` on ``key``.

    ``blocks`` has a row an architecture (``parameters``, ``difference``, runs of either), ``power``
    the runs that differences of several sizes would take, ``p_holm`` the p-value after Holm's
    correction, for secondary comparisons.
    """

    key: str
    baseline: Any
    treatment: Any
    effect: Effect
    claim: Claim
    permutation: Permutation
    pairing: Pairing
    blocks: pd.DataFrame
    power: pd.DataFrame
    p_holm: float = math.nan


def compare_values(study: Study, key: str, baseline: Any, treatment: Any) -> Comparison:
    """Compares two values of a key over all architectures that both were run on."""
    return _comparison(
        study.metric, _runs(study, key, baseline, treatment), key, baseline, treatment
    )


def _runs(study: Study, key: str, baseline: Any, treatment: Any) -> pd.DataFrame:
    nuisance = study.keys("nuisance")
    return contrast_runs(study.trials, study.metric, key, baseline, treatment, nuisance)


def _comparison(
    metric: str, runs: pd.DataFrame, key: str, baseline: Any, treatment: Any
) -> Comparison:
    effect = estimate(runs)
    table = cells(runs)
    sd = pooled_sd(table["var"].to_numpy() ** 0.5, table["count"]) if len(table) else (math.nan, 0)
    names = f"{key} {_value(treatment)}", f"{key} {_value(baseline)}"
    return Comparison(
        key=key,
        baseline=baseline,
        treatment=treatment,
        effect=effect,
        claim=_claim(effect, names, metric, sd[0]),
        permutation=permutation_test(runs),
        pairing=pairing(runs),
        blocks=_differences(runs, table),
        power=runs_table(sd[0]),
    )


def named_contrast(study: Study) -> Comparison | None:
    """The comparison that the space named beforehand; None where it named none."""
    named = study.space.get("contrast")
    if not named:
        return None
    key = RENAMED.get(named["key"], named["key"])
    return compare_values(study, key, named["baseline"], named["treatment"])


def secondary_comparisons(study: Study) -> list[Comparison]:
    """Every other pair of values of the scientific keys, with Holm's correction over all of them.

    Sizes are never compared with each other, nor keys of more than ``MOST_VALUES`` values; pairs
    without two networks of equal size are left out.
    """
    named = study.space.get("contrast") or {}
    chosen = (named.get("key"), frozenset((named.get("baseline"), named.get("treatment"))))
    comparisons = []
    for key in study.keys("scientific"):
        if key in SIZE_COLUMNS or key not in study.trials:
            continue
        values = sorted(study.trials[key].dropna().unique())
        if len(values) > MOST_VALUES:
            continue
        for baseline, treatment in itertools.combinations(values, 2):
            if (key, frozenset((baseline, treatment))) == chosen:
                continue
            runs = _runs(study, key, baseline, treatment)
            if len(runs):
                pair = (key, baseline, treatment)
                comparisons.append(_comparison(study.metric, runs, *pair))
    adjusted = holm([comparison.effect.p for comparison in comparisons])
    return [_adjusted(comparison, p) for comparison, p in zip(comparisons, adjusted, strict=True)]


def _adjusted(comparison: Comparison, p: float) -> Comparison:
    """The comparison with Holm's p; what it no longer shows is no longer claimed."""
    claim = comparison.claim
    if math.isfinite(p):
        words = claim.words.removesuffix(".") + f"; {p_words(p)} after Holm's correction."
        verdict = "shown" if claim.verdict == "shown" and p < 0.05 else "not_shown"
        claim = dataclasses.replace(claim, words=words, verdict=verdict)  # type: ignore[arg-type]
    return dataclasses.replace(comparison, claim=claim, p_holm=p)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _claim(effect: Effect, names: tuple[str, str], metric: str, sd: float) -> Claim:
    treatment, baseline = names
    if not effect.blocks:
        text = (
            f"Nothing can be said of {treatment} against {baseline}: no two finished networks of "
        )
        text += f"equal size (within {TOLERANCE:.0%}) differ in it alone."
        return Claim(text, "cannot_say", 0)
    ran = f"n = {effect.n} runs of {_plural(effect.blocks, 'architecture')}"
    if effect.seeds < 2 or not math.isfinite(effect.p):
        text = (
            f"One seed cannot say whether {treatment} differs from {baseline}: how far runs differ "
        )
        text += f"by chance is not known. Observed: {points(effect.effect, True)} points ({ran})."
        return Claim(text, "cannot_say", effect.n, effect.effect)
    numbers = evidence(effect.effect, effect.low, effect.high, effect.p)
    what = "test accuracy" if metric == "test_accuracy" else "validation accuracy"
    if effect.p < 0.05:
        side = "raises" if effect.effect > 0 else "lowers"
        text = f"{treatment} {side} {what} against {baseline}: {numbers}, {ran}."
        verdict = "shown"
    else:
        text = f"No difference in {what} is shown between {treatment} and {baseline}: {numbers}, "
        text += f"{ran}{_wanted(sd)}."
        verdict = "not_shown"
    numbers_only = (effect.n, effect.effect, effect.low, effect.high, effect.p)
    return Claim(text, verdict, *numbers_only)  # type: ignore[arg-type]


def _wanted(sd: float) -> str:
    if not math.isfinite(sd):
        return ""
    runs = runs_needed(WORTH_SHOWING, sd)
    return f"; {points(WORTH_SHOWING)} points on one architecture would take {runs} runs of each"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _differences(runs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A row an architecture: what the treatment did there."""
    columns = ["parameters", "difference", "runs_baseline", "runs_treatment"]
    if not len(table):
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in columns})
    parameters = runs[~runs["treated"]].groupby("block")["parameters"].first()
    frame = pd.DataFrame(
        {
            "parameters": parameters.reindex(table.index),
            "difference": table["mean"]["treatment"] - table["mean"]["baseline"],
            "runs_baseline": table["count"]["baseline"].astype("int64"),
            "runs_treatment": table["count"]["treatment"].astype("int64"),
        }
    )
    return frame.sort_values("parameters").reset_index(drop=True)
