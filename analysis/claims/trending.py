"""The power law by which the best value of a key changes with a size, such as the compression."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.claims.choosing import columns
from analysis.claims.claim import Claim, Verdict, p_words
from analysis.claims.matching import counted_once, numbered, tuned_columns
from analysis.statistics.intervals import rounding_variance
from analysis.statistics.trend import FITTED, Cells, Exponent, exponents
from analysis.study.configurations import configuration_ids, grid
from analysis.study.outcomes import outcomes
from analysis.study.replicates import best_first
from analysis.study.searched_keys import existing
from analysis.study.study import Study
from search_spaces.grammar.question import Trend
from trainables.text.count import plural

SCALED_BY = {"weight_decay": "weight_decay_scaling"}
"""Keys whose effective value is already scaled with the compression, and the exponent's key."""

DOUBT = 1.5
"""The interval of one scaling alone is too narrow on steep responses. With 1.5 none of 60 simulated
studies contradicts itself in any of six designs, with 1 up to 8 did:
``python -m benchmarks.calibration --frames --only steep --share .15``, outcome "contradicts"."""


@dataclass(frozen=True)
class Trended:
    """The fitted exponent, and how many runs and architectures it rests on.

    Attributes:
        cut: settings that are left out, since they lie so far below the best of their network.
        all_of_them: the exponent of all settings before ``CLIFF``, with which that of those near
            the best is compared.
        by_scaling: the same for the runs of each value of ``SCALED_BY`` alone, where there are
            several.
    """

    exponent: Exponent
    runs: int
    blocks: int
    cut: int = 0
    all_of_them: Exponent = field(default_factory=Exponent)
    by_scaling: Mapping[float, Trended] = field(default_factory=dict)

    @property
    def bends(self) -> bool:
        """Whether settings far from the best follow another exponent than those near it."""
        near, wide = self.exponent, self.all_of_them
        return near.high < wide.low or wide.high < near.low

    @property
    def disagreeing(self) -> list[float]:
        """The scalings of which two contradict each other.

        A scaling acts on the factors alone. Where the decay of the other weights matters too, the
        runs of different scalings follow no common curve, and an exponent fitted to all is none
        of theirs. Two contradict each other where their intervals, made ``DOUBT`` times as wide,
        share no exponent.
        """
        wide = {scaling: _widened(fit.exponent) for scaling, fit in self.by_scaling.items()}
        apart = {
            scaling
            for below, above in itertools.permutations(wide, 2)
            if wide[below][1] < wide[above][0]
            for scaling in (below, above)
        }
        return sorted(apart)


def _widened(alpha: Exponent) -> tuple[float, float]:
    """The interval, ``DOUBT`` times as wide; all exponents where it is open."""
    more = (DOUBT - 1) * (alpha.high - alpha.low) / 2
    return (alpha.low - more, alpha.high + more) if math.isfinite(more) else (-math.inf, math.inf)


def trend_claims(study: Study, question: Trend) -> list[Claim]:
    """The exponent with its interval; where scalings disagree, that, and the least scaling's."""
    fitted = fit_trend(study, question)
    if fitted.disagreeing:
        least = min(fitted.by_scaling)
        return [_disagreement(fitted, question), _claim(fitted.by_scaling[least], question, least)]
    return [_claim(fitted, question)]


def _disagreement(found: Trended, question: Trend) -> Claim:
    scaling = SCALED_BY[question.key]
    ends = [
        f"{exponent.estimate:z.2f} ({exponent.low:z.2f} to {exponent.high:z.2f}) at {value:g}"
        for value in found.disagreeing
        for exponent in [found.by_scaling[value].exponent]
    ]
    text = f"No one exponent holds for every {scaling}: α̂ = {', '.join(ends)} (95 % intervals,"
    text += f" n = {found.runs} runs). The scaling changes the decay of the factors alone, so the"
    text += " decay of the other weights matters too."
    return Claim(text, "cannot_say", found.runs)


def _claim(found: Trended, question: Trend, scaling: float | None = None) -> Claim:
    """The claim of all runs, or of those of one scaling."""
    alpha, name = found.exponent, f"{question.key} against {question.against}"
    if not math.isfinite(alpha.estimate):
        text = f"Nothing can be said of {name}: the fit takes finished runs of at least two sizes"
        text += f" and of {FITTED + 1} more settings than sizes."
        return Claim(text, "cannot_say", found.runs)
    ran = f"n = {found.runs} runs of {plural(found.blocks, 'architecture')}"
    ran += "" if scaling is None else f" at {SCALED_BY[question.key]} {scaling:g}"
    if found.cut:
        ran += f"; {plural(found.cut, 'setting')} far below the best of their network left out"
    interval = f"95 % interval {_end(alpha.low)} to {_end(alpha.high)}"
    follows = f"the best {question.key} follows {question.against}"
    if not alpha.shared:
        text = f"No one curve, moved along with {question.against}, fits all networks (F test,"
        text += f" {p_words(alpha.fits)}, {ran}): how accuracy depends on {question.key} differs"
        text += (
            " between them in more than the place of the best value, and no exponent is claimed."
        )
        return Claim(text, "cannot_say", found.runs)
    if found.bends:
        wide = found.all_of_them
        text = f"Near the best {question.key} of each network another exponent holds"
        text += f" (α̂ = {alpha.estimate:z.2f}, {interval}) than further away ({wide.estimate:z.2f},"
        text += f" {_end(wide.low)} to {_end(wide.high)}, {ran}): something else than the place of"
        text += " the best value decides there as well, and no exponent is claimed."
        return Claim(text, "cannot_say", found.runs)
    if not (math.isfinite(alpha.low) and math.isfinite(alpha.high)):
        text = f"The exponent with which {follows} cannot be told: {_open(alpha)} ({ran});"
        text += " more runs, or values further apart, may tell."
        return Claim(text, "cannot_say", found.runs, alpha.estimate)
    numbers = (found.runs, alpha.estimate, alpha.low, alpha.high, alpha.p)
    verdict: Verdict = "shown" if alpha.low > 0 or alpha.high < 0 else "not_shown"
    if verdict == "shown":
        text = f"The best {question.key} follows {question.against} with the exponent"
        text += f" α̂ = {alpha.estimate:z.2f} ({interval}, {p_words(alpha.p)}, {ran})."
    else:
        text = f"The best {question.key} is not shown to follow {question.against}:"
        text += f" α̂ = {alpha.estimate:z.2f} ({interval}, {p_words(alpha.p)}, {ran})."
    return Claim(text, verdict, *numbers)


def _open(alpha: Exponent) -> str:
    """What an interval of which an end is not finite says."""
    if math.isfinite(alpha.low):
        return f"its 95 % interval begins at {alpha.low:z.2f} and has no upper end"
    if math.isfinite(alpha.high):
        return f"its 95 % interval ends at {alpha.high:z.2f} and has no lower end"
    return "no exponent lies outside its 95 % interval"


def _end(value: float) -> str:
    return f"{value:z.2f}" if math.isfinite(value) else "unbounded"


def fit_trend(study: Study, question: Trend) -> Trended:
    """Fits the exponent to all runs, choosing seeds included, since no value is selected here."""
    key, against = columns([question.key])[0], question.against
    runs = outcomes(existing(grid(study), study.space), study.metric)
    runs = runs[~runs["collapsed"]]
    if key not in runs or not len(runs) or not (runs[key].fillna(0).astype("float64") > 0).any():
        return Trended(Exponent(), 0, 0)
    runs = runs[runs[key].fillna(0).astype("float64") > 0]
    scaled = SCALED_BY.get(key)
    tuned = set(tuned_columns(study.space)) - {key}
    runs = runs.assign(
        configuration=configuration_ids(runs),
        block=numbered(runs, without={key, *tuned}),
        size=np.log(runs[against].astype("float64")),
        level=np.log(runs[key].astype("float64")),
    )
    runs = counted_once(runs)
    if scaled not in runs:
        return _fitted(runs)
    scaling = runs[scaled].astype("float64").fillna(0.0)
    shift = scaling * np.log(runs["compression"].astype("float64"))
    runs = runs.assign(level=runs["level"] + shift)
    by_scaling = {value: _fitted(runs[scaling == value]) for value in sorted(scaling.unique())}
    return replace(_fitted(runs), by_scaling=by_scaling if len(by_scaling) > 1 else {})


def _fitted(runs: pd.DataFrame) -> Trended:
    """Of runs with ``value``, ``level``, ``size``, ``block`` and ``configuration``."""
    cells = runs.groupby("configuration", sort=False).agg(
        mean=("value", "mean"), n=("value", "size"), variance=("value", "var"),
        level=("level", "first"),
        size=("size", "first"), block=("block", "first"), parameters=("parameters", "first"),
    )  # fmt: skip
    cells = best_first(cells).drop_duplicates(["block", "level"])  # the best over nuisance keys
    cells["variance"] = np.maximum(cells["variance"], rounding_variance(runs["value"]))
    names = ("mean", "variance", "n", "level", "size", "block")
    near, wide = exponents(Cells(*(cells[name].to_numpy(dtype=float) for name in names)))
    return Trended(near, len(runs), int(runs["size"].nunique()), len(cells) - near.cells, wide)
