"""A comparison of two treatments: its runs, its numbers and its claim."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.arm import split_by_seed
from analysis.claims.choosing import scheduler_chose
from analysis.claims.claim import Claim, value_words
from analysis.claims.contrast_claim import (
    all_collapsed,
    contrast_claim,
    families_claim,
    unbounded_claim,
    unpaired_claim,
)
from analysis.claims.evidence import choosing_grid, contrast_runs, unpaired
from analysis.claims.grid_edge import open_ways
from analysis.claims.matching import equals, numbered, tuned_columns
from analysis.claims.pairing import Pairing, pairing
from analysis.record.dtypes import RENAMED
from analysis.record.record import RecordError
from analysis.statistics.contrasts import PAIRED, Effect, cells, differences, estimate
from analysis.statistics.intervals import pooled_sd
from analysis.statistics.multiple_tests import holm
from analysis.statistics.power import runs_table
from analysis.study.configurations import SIZE_COLUMNS
from analysis.study.confirmation import confirmed_study
from analysis.study.outcomes import outcomes
from analysis.study.searched_keys import searched_keys
from analysis.study.study import Study
from search_spaces.grammar.question import GENERALISES, Contrast
from search_spaces.grammar.space_json import questions

MOST_VALUES = 6  # a key with more values is not compared value by value


@dataclass(frozen=True)
class Comparison:
    """``treatment`` against ``baseline``, two values of ``key``.

    Attributes:
        effect: treatment minus baseline, a fraction of accuracy.
        claim: the conclusion.
        pairing: whether equal seeds give correlated results.
        blocks: a row for each architecture: ``parameters``, ``difference`` and the runs of each.
        power: how many runs it takes to show differences of several sizes.
        p_holm: p-value after Holm's correction, for several secondary comparisons; NaN for others.
        claims: one for each family, where the families are too few to be pooled.
        tests: the p-value of each test that was made, before any correction.
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
    tests: tuple[float, ...] = ()


def named_contrast(study: Study) -> Comparison:
    """The comparison that the space named beforehand.

    Raises:
        RecordError: the space named none.
    """
    contrast = _first_contrast(study)
    if contrast is None:
        kinds = ", ".join(dict.fromkeys(one.kind for one in questions(study.space))) or "nothing"
        raise RecordError(
            f"{study.name} names no contrast; its space asks {kinds}, which the report answers. "
            "docs/spaces.md shows how a space names a contrast"
        )
    key = RENAMED.get(contrast.key, contrast.key)
    return compare_values(study, key, contrast.baseline, contrast.treatment)


def _first_contrast(study: Study) -> Contrast | None:
    return next((one for one in questions(study.space) if isinstance(one, Contrast)), None)


def compare_values(study: Study, key: str, baseline: Any, treatment: Any) -> Comparison:
    """Compares two values of a key over all architectures that were run with both."""
    pair = key, baseline, treatment
    return _comparison(study, contrast_runs(study, *pair), *pair)


def by_direction(runs: pd.DataFrame) -> Effect:
    """The effect, with collapsed runs counted against the side that is claimed to be better.

    A run that collapsed counts at chance in the arm that is ahead and is left out of the other.
    Both can only favour the arm that is behind. Where neither arm stays ahead under this rule,
    there is no difference to claim: p is 1, and the interval spans what either rule allows. Where
    every run of an arm collapsed, they count at chance; where too few did not, nothing is tested.
    """
    if not len(runs) or not runs["collapsed"].any():
        return _estimate(runs)
    kept = ~runs["collapsed"] | all_collapsed(runs)
    raises = _estimate(runs[kept | runs["treated"]])
    if raises.effect > 0:
        return raises
    lowers = _estimate(runs[kept | ~runs["treated"]])
    if lowers.effect < 0:
        return lowers
    whole = _estimate(runs)
    if not (math.isfinite(raises.p) and math.isfinite(lowers.p)):
        return dataclasses.replace(whole, low=math.nan, high=math.nan, p=math.nan)
    low, high = min(raises.low, lowers.low), max(raises.high, lowers.high)
    return dataclasses.replace(whole, low=low, high=high, p=1.0)


def _estimate(runs: pd.DataFrame) -> Effect:
    """The effect over blocks; over families where there are several, as blocks of one are alike."""
    if not len(runs):
        return Effect()
    families = runs.drop_duplicates("block").set_index("block")["family"]
    return estimate(runs, unit=families, paired=split_by_seed(runs))


def _comparison(
    study: Study, runs: pd.DataFrame, key: str, baseline: Any, treatment: Any
) -> Comparison:
    table = cells(runs) if len(runs) else runs
    names = _names(key, baseline, treatment)
    effect = by_direction(runs)
    sd = _spread(runs, table, effect)
    alone: tuple[Claim, ...] = ()
    tests = [effect.p]
    tuned = _is_tuned(study, runs, key)
    if wide := _open_grids(study, key, (baseline, treatment)) if tuned else []:
        claim, tests = unbounded_claim(names, wide), []
    elif not len(runs) and (reason := unpaired(study, key, treatment, baseline)):
        claim, tests = unpaired_claim(names, reason), []
    elif _must_stand_alone(runs, key):
        effects = _by_family(runs)
        tests = [one.p for one in effects.values()]
        alone = _family_claims(effects, holm(tests), runs, names, study.metric, sd)
        claim = families_claim(alone, names)
    else:
        claim = contrast_claim(effect, runs, names, study.metric, sd, tuned=tuned)
    if wide or alone:
        effect = dataclasses.replace(effect, low=math.nan, high=math.nan, p=math.nan)
    return Comparison(
        key=key,
        baseline=baseline,
        treatment=treatment,
        effect=effect,
        claim=claim,
        pairing=pairing(runs),
        blocks=_differences(runs, table),
        power=runs_table(sd, paired=effect.method == PAIRED),
        claims=alone,
        tests=tuple(tests),
    )


def _spread(runs: pd.DataFrame, table: pd.DataFrame, effect: Effect) -> float:
    """The standard deviation between runs of a cell, of their differences where seeds pair."""
    if not len(table):
        return math.nan
    if effect.method == PAIRED:
        apart = pd.DataFrame(differences(runs))
        return pooled_sd(apart.std(axis=1), apart.count(axis=1))[0]
    return pooled_sd(table["var"].to_numpy() ** 0.5, table["count"])[0]


def _names(key: str, baseline: Any, treatment: Any) -> tuple[str, str]:
    """The treatment and the baseline in words."""
    return f"{key} {value_words(treatment)}", f"{key} {value_words(baseline)}"


def _is_tuned(study: Study, runs: pd.DataFrame, key: str) -> bool:
    if len(runs):
        return bool(runs["tuned"].any())
    if scheduler_chose(study.trials):
        return True
    varied = [name for name in tuned_columns(study.space) if name != key and name in study.trials]
    return any(study.trials[name].nunique() > 1 for name in varied)


def _open_grids(study: Study, key: str, values: tuple[Any, Any]) -> list[str]:
    """Which grids must be widened for the arms to reach their best, as "weight_decay upwards"."""
    tuned = tuned_columns(study.space)
    runs = outcomes(*choosing_grid(study))
    runs = runs[~runs["estimating"]]
    grids: dict[str, None] = {}
    for value in values:
        arm = runs[equals(runs[key], value)]
        arm = arm.assign(block=numbered(arm, without={key, *tuned}))
        for name in (column for column in tuned if column in arm and column != key):
            if pd.api.types.is_numeric_dtype(arm[name]) and arm[name].nunique() > 1:
                grids |= {f"{name} {way}": None for way in open_ways(study.space, arm, name)}
    return list(grids)


def _must_stand_alone(runs: pd.DataFrame, key: str) -> bool:
    """Whether each family needs its own claim: two to four are too few to generalise from."""
    return key != "layer" and 1 < runs["family"].nunique() < GENERALISES


def _by_family(runs: pd.DataFrame) -> dict[str, Effect]:
    names = runs["family"].unique()
    return {str(name): by_direction(runs[runs["family"] == name]) for name in names}


def _family_claims(
    effects: Mapping[str, Effect],
    adjusted: Sequence[float],
    runs: pd.DataFrame,
    names: tuple[str, str],
    metric: str,
    sd: float,
) -> tuple[Claim, ...]:
    """A claim for each family; ``adjusted`` are their p-values after Holm's correction."""
    found = []
    for (family, effect), p in zip(effects.items(), adjusted, strict=True):
        own_runs = runs[runs["family"] == family]
        named = f"{family} {names[0]}", f"{family} {names[1]}"
        tuned = bool(own_runs["tuned"].any())
        found.append(contrast_claim(effect, own_runs, named, metric, sd, p_holm=p, tuned=tuned))
    return tuple(found)


def secondary_comparisons(study: Study) -> list[Comparison]:
    """Compares all other pairs of values of the scientific keys, with Holm's correction over them.

    Sizes are never compared with each other, nor are the values of a key that has more than
    ``MOST_VALUES``. Pairs without two networks of equal size are left out, and so are arms whose
    only runs are those they were tuned on. A confirmation is of what was named, and has none.
    """
    if confirmed_study(study) is not None:
        return []
    comparisons = [
        _comparison(study, runs, *pair)
        for pair in _secondary_pairs(study)
        if len(runs := contrast_runs(study, *pair))
    ]
    tests = [p for comparison in comparisons for p in comparison.tests]
    if sum(map(math.isfinite, tests)) < 2:
        return comparisons  # one test alone needs no correction
    adjusted = iter(holm(tests))
    return [_adjusted(study, one, [next(adjusted) for _ in one.tests]) for one in comparisons]


def _secondary_pairs(study: Study) -> Iterator[tuple[str, Any, Any]]:
    """Key, baseline and treatment of each pair that the space did not name, as far as compared."""
    named = _first_contrast(study)
    named_pair = (named.key, {named.baseline, named.treatment}) if named else None
    for key in searched_keys(study.space, "scientific"):
        known = key not in SIZE_COLUMNS and key in study.trials
        values = sorted(study.trials[key].dropna().unique()) if known else []
        if len(values) > MOST_VALUES:
            continue
        for baseline, treatment in itertools.combinations(values, 2):
            if (key, {baseline, treatment}) != named_pair:
                yield key, baseline, treatment


def _adjusted(study: Study, comparison: Comparison, p_holm: Sequence[float]) -> Comparison:
    """The comparison with Holm's p-values, one a test, and the claims that these allow."""
    if not any(map(math.isfinite, p_holm)):
        return comparison
    pair = comparison.key, comparison.baseline, comparison.treatment
    runs, names, metric = contrast_runs(study, *pair), _names(*pair), study.metric
    if comparison.claims:
        alone = _family_claims(_by_family(runs), p_holm, runs, names, metric, math.nan)
        return dataclasses.replace(comparison, claim=families_claim(alone, names), claims=alone)
    (p,) = p_holm
    tuned = bool(runs["tuned"].any())
    claim = contrast_claim(comparison.effect, runs, names, metric, math.nan, p_holm=p, tuned=tuned)
    return dataclasses.replace(comparison, claim=claim, p_holm=p)


def _differences(runs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A row for each architecture: the difference that the treatment makes there."""
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
