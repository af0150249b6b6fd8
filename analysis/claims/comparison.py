"""A comparison of two treatments: its runs, its numbers, and what may be said of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.best import WORTH_SHOWING
from analysis.claims.choosing import candidates
from analysis.claims.claim import (
    Claim,
    Verdict,
    evidence,
    metric_words,
    p_words,
    plural,
    points,
    value_words,
)
from analysis.claims.evidence import UNTESTED
from analysis.claims.grid_edge import open_ways
from analysis.claims.matching import (
    TOLERANCE,
    equals,
    numbered,
    pair_architectures,
    tuned_columns,
)
from analysis.claims.pairing import Pairing, pairing
from analysis.claims.questions import questions
from analysis.record.dtypes import RENAMED
from analysis.statistics.contrasts import GENERALISES, Effect, cells, estimate, holm
from analysis.statistics.intervals import pooled_sd
from analysis.statistics.power import runs_needed, runs_table
from analysis.study.configurations import SIZE_COLUMNS, configuration_ids
from analysis.study.outcomes import outcomes
from analysis.study.study import Study
from search_spaces.grammar.question import Contrast

MOST_VALUES = 6  # of a key whose values are all compared with each other


@dataclass(frozen=True)
class Comparison:
    """``treatment`` against ``baseline`` on ``key``.

    ``blocks`` has a row an architecture (``parameters``, ``difference``, runs of either), ``power``
    the runs that differences of several sizes would take, ``p_holm`` the p-value after Holm's
    correction, for secondary comparisons. ``claims`` are those of families that stand alone.
    """

    key: str
    baseline: Any
    treatment: Any
    effect: Effect
    claim: Claim
    pairing: Pairing
    blocks: pd.DataFrame
    power: pd.DataFrame
    p_holm: float = math.nan
    claims: tuple[Claim, ...] = ()


def named_contrast(study: Study) -> Comparison | None:
    """The comparison that the space named beforehand; None where it named none."""
    named = next((one for one in questions(study.space) if isinstance(one, Contrast)), None)
    if named is None:
        return None
    key = RENAMED.get(named.key, named.key)
    return compare_values(study, key, named.baseline, named.treatment)


def compare_values(study: Study, key: str, baseline: Any, treatment: Any) -> Comparison:
    """Compares two values of a key over all architectures that both were run on."""
    runs = contrast_runs(study, key, baseline, treatment)
    return _comparison(study, runs, key, baseline, treatment)


def contrast_runs(study: Study, key: str, baseline: Any, treatment: Any) -> pd.DataFrame:
    """The runs of both treatments on architectures that have both, one row a run.

    ``outcomes`` with ``block`` (an architecture, or a pair of equal size), ``treated``, ``family``
    and ``tuned``. Where an arm tuned nuisance keys, only runs of what it chose on estimating seeds.
    """
    frame = candidates(study.space, study.grid, study.metric)
    if key not in frame:
        return pd.DataFrame(columns=["block", "treated", "family", "tuned", "value", "seed"])
    pairs = pair_architectures(frame, key, baseline, treatment, tuned_columns(study.space))
    tuned = bool(pairs["candidates"].gt(1).any())
    trials = study.grid.assign(configuration=configuration_ids(study.grid))
    runs = outcomes(trials, study.metric)
    if tuned:
        runs = runs[runs["estimating"]]
    facts = pairs.rename(columns={"id": "configuration"}).drop(columns="parameters")
    ours = runs.merge(facts, on="configuration")
    return ours.assign(tuned=tuned).astype({"treated": bool})


def by_direction(runs: pd.DataFrame) -> Effect:
    """The effect as failures count in it: against whichever side is claimed to be better.

    A run that collapsed counts at chance in the arm that is ahead, and is left out of the other,
    which can only favour the other. Where neither is ahead so, there is no difference to claim.
    """
    if not len(runs) or not runs["collapsed"].any():
        return _estimate(runs)
    raises = _estimate(runs[~runs["collapsed"] | runs["treated"]])
    if raises.effect > 0:
        return raises
    lowers = _estimate(runs[~runs["collapsed"] | ~runs["treated"]])
    if lowers.effect < 0:
        return lowers
    whole = _estimate(runs)
    return dataclasses.replace(whole, p=1.0) if math.isfinite(whole.p) else whole


def _estimate(runs: pd.DataFrame) -> Effect:
    """Over blocks; over families where there are several, since blocks of one are alike."""
    if not len(runs):
        return Effect()
    return estimate(runs, unit=runs.drop_duplicates("block").set_index("block")["family"])


def _comparison(
    study: Study, runs: pd.DataFrame, key: str, baseline: Any, treatment: Any
) -> Comparison:
    table = cells(runs) if len(runs) else runs
    sd = pooled_sd(table["var"].to_numpy() ** 0.5, table["count"]) if len(table) else (math.nan, 0)
    names = f"{key} {value_words(treatment)}", f"{key} {value_words(baseline)}"
    effect = by_direction(runs)
    alone: tuple[Claim, ...] = ()
    if _must_stand_alone(runs, key):
        alone = _family_claims(runs, names, study.metric, sd[0])
        claim = _families_claim(alone, names)
        effect = dataclasses.replace(effect, low=math.nan, high=math.nan, p=math.nan)
    else:
        tuned = _is_tuned(study, runs, key)
        claim = _claim(effect, runs, names, study.metric, sd[0], tuned=tuned)
        wide = _open_grids(study, key, (baseline, treatment)) if tuned else []
        if wide:
            claim = _unbounded_claim(names, wide)
            effect = dataclasses.replace(effect, low=math.nan, high=math.nan, p=math.nan)
    return Comparison(
        key=key,
        baseline=baseline,
        treatment=treatment,
        effect=effect,
        claim=claim,
        pairing=pairing(runs),
        blocks=_differences(runs, table),
        power=runs_table(sd[0]),
        claims=alone,
    )


def _is_tuned(study: Study, runs: pd.DataFrame, key: str) -> bool:
    if len(runs):
        return bool(runs["tuned"].any())
    varied = [name for name in tuned_columns(study.space) if name != key and name in study.trials]
    return any(study.trials[name].nunique() > 1 for name in varied)


def _open_grids(study: Study, key: str, values: tuple[Any, Any]) -> list[str]:
    """What has to be widened before the arms are at their best: "weight_decay upwards"."""
    tuned = tuned_columns(study.space)
    runs = outcomes(study.grid, study.metric)
    runs = runs[~runs["estimating"]]
    found: dict[str, None] = {}
    for value in values:
        arm = runs[equals(runs[key], value)]
        arm = arm.assign(block=numbered(arm, without={key, *tuned}))
        for name in (one for one in tuned if one in arm and one != key):
            if pd.api.types.is_numeric_dtype(arm[name]) and arm[name].nunique() > 1:
                found |= {f"{name} {way}": None for way in open_ways(study.space, arm, name)}
    return list(found)


def _unbounded_claim(names: tuple[str, str], wide: list[str]) -> Claim:
    text = f"Nothing can be said of {names[0]} against {names[1]}: accuracy still rises at the end"
    return Claim(f"{text} of the grid; widen {' and '.join(wide)}.", "cannot_say", 0)


def _must_stand_alone(runs: pd.DataFrame, key: str) -> bool:
    """Two to four families say nothing of families, and each may have an effect of its own."""
    return key != "layer" and 1 < runs["family"].nunique() < GENERALISES


def _family_claims(
    runs: pd.DataFrame, names: tuple[str, str], metric: str, sd: float
) -> tuple[Claim, ...]:
    """A claim a family, with Holm's correction over them."""
    families = [str(family) for family in runs["family"].unique()]
    effects = [by_direction(runs[runs["family"] == family]) for family in families]
    adjusted = holm([effect.p for effect in effects])
    found = []
    for family, effect, p in zip(families, effects, adjusted, strict=True):
        ours = runs[runs["family"] == family]
        named = f"{family} {names[0]}", f"{family} {names[1]}"
        found.append(_claim(effect, ours, named, metric, sd, p_holm=p))
    return tuple(found)


def _families_claim(alone: tuple[Claim, ...], names: tuple[str, str]) -> Claim:
    """What the families say together: no pooled number, since they are too few."""
    shown = [claim for claim in alone if claim.verdict == "shown"]
    n = sum(claim.n for claim in alone)
    start = (
        f"{names[0]} against {names[1]} is claimed family by family, since {len(alone)} families"
    )
    text = f"{start} say nothing of others: "
    if not shown:
        known = any(claim.verdict == "not_shown" for claim in alone)
        verdict: Verdict = "not_shown" if known else "cannot_say"
        return Claim(f"{text}no difference is shown in any of them.", verdict, n)
    text += " ".join(claim.words for claim in shown)
    first = shown[0]
    return Claim(text, "shown", n, first.effect, first.low, first.high, first.p)


def secondary_comparisons(study: Study) -> list[Comparison]:
    """Every other pair of values of the scientific keys, with Holm's correction over all of them.

    Sizes are never compared with each other, nor keys of more than ``MOST_VALUES`` values; pairs
    without two networks of equal size are left out, and so are arms that were tuned on the same
    runs.
    """
    named = next((one for one in questions(study.space) if isinstance(one, Contrast)), None)
    chosen = (named.key, frozenset((named.baseline, named.treatment))) if named else None
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
            runs = contrast_runs(study, key, baseline, treatment)
            if len(runs):
                comparisons.append(_comparison(study, runs, key, baseline, treatment))
    adjusted = holm([comparison.effect.p for comparison in comparisons])
    return [_adjusted(study, one, p) for one, p in zip(comparisons, adjusted, strict=True)]


def _adjusted(study: Study, comparison: Comparison, p: float) -> Comparison:
    """The comparison with Holm's p; what it no longer shows is no longer claimed."""
    if not math.isfinite(p):
        return comparison
    key = comparison.key
    runs = contrast_runs(study, key, comparison.baseline, comparison.treatment)
    tuned = bool(runs["tuned"].any())
    names = (
        f"{key} {value_words(comparison.treatment)}",
        f"{key} {value_words(comparison.baseline)}",
    )
    claim = _claim(comparison.effect, runs, names, study.metric, math.nan, p_holm=p, tuned=tuned)
    return dataclasses.replace(comparison, claim=claim, p_holm=p)


def _claim(
    effect: Effect,
    runs: pd.DataFrame,
    names: tuple[str, str],
    metric: str,
    sd: float,
    *,
    p_holm: float = math.nan,
    tuned: bool = False,
) -> Claim:
    """Words and tag from one verdict, after Holm's correction where there is one."""
    treatment, baseline = names
    if not effect.blocks:
        reason = (
            f"no two finished networks of equal size (within {TOLERANCE:.0%}) differ in it alone"
        )
        reason = UNTESTED if tuned else reason
        return Claim(
            f"Nothing can be said of {treatment} against {baseline}: {reason}.", "cannot_say", 0
        )
    ran = (
        f"n = {effect.n} {'fresh ' if tuned else ''}runs of {plural(effect.blocks, 'architecture')}"
    )
    ran += _failures(runs)
    if not math.isfinite(effect.p):
        text = (
            f"One seed cannot say whether {treatment} differs from {baseline}: how far runs differ "
        )
        text += f"by chance is not known. Observed: {points(effect.effect, True)} points ({ran})."
        return Claim(text, "cannot_say", effect.n, effect.effect)
    p = p_holm if math.isfinite(p_holm) else effect.p
    numbers = evidence(effect.effect, effect.low, effect.high, effect.p)
    after = f"; {p_words(p)} after Holm's correction" if math.isfinite(p_holm) else ""
    what = metric_words(metric)
    verdict: Verdict = "shown" if p < 0.05 else "not_shown"
    if verdict == "shown":
        side = "raises" if effect.effect > 0 else "lowers"
        text = f"{treatment} {side} {what} against {baseline}: {numbers}, {ran}{after}."
    else:
        text = f"No difference in {what} is shown between {treatment} and {baseline}: {numbers}, "
        text += f"{ran}{after}{_wanted(sd)}."
    return Claim(text, verdict, effect.n, effect.effect, effect.low, effect.high, p)


def _failures(runs: pd.DataFrame) -> str:
    """How many runs collapsed in each arm, where any did."""
    if not len(runs) or not runs["collapsed"].any():
        return ""
    counts = runs.groupby("treated")["collapsed"].sum()
    ours, theirs = int(counts.get(True, 0)), int(counts.get(False, 0))
    return (
        f"; {plural(ours, 'run')} of the treatment and {theirs} of the baseline diverged or learned"
        " nothing, and count against the arm that is claimed to be better"
    )


def _wanted(sd: float) -> str:
    if not math.isfinite(sd):
        return ""
    runs = runs_needed(WORTH_SHOWING, sd)
    return f"; {points(WORTH_SHOWING)} points on one architecture would take {runs} runs of each"


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
