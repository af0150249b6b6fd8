"""The best network at each size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.record.status import TrialStatus
from analysis.study.best import allowed, contenders
from analysis.study.configurations import with_configurations
from analysis.study.confirmation import confirmations, shared_ids
from analysis.study.outcomes import outcomes
from analysis.study.replicates import judging_runs, pareto_front
from analysis.study.size_steps import size_step

if TYPE_CHECKING:
    from analysis.study.study import Study


def best_at_each_size(study: Study) -> pd.DataFrame:
    """A row per step of size, smallest first: the configuration with the highest mean there.

    It has the columns of ``pareto_front``, and ``from_size``, ``to_size`` (parameters),
    ``candidates`` (number of finished configurations of that size), ``rivals`` (the ids of those
    that competed, the best first), ``trial_id`` (the first that counts in its mean) and, where the
    configuration was confirmed, ``test_mean, test_low, test_high, test_n``.
    """
    frame = allowed(study, pareto_front(study, "parameters", study.metric))
    if frame.empty:
        return frame.assign(from_size=[], to_size=[], candidates=[], rivals=[], trial_id=[])
    steps = [size_step(float(size)) for size in frame["parameters"]]
    frame = frame.assign(from_size=[low for low, _ in steps], to_size=[high for _, high in steps])
    by_size = [rows for _, rows in frame.groupby("from_size")]
    competing = set(contenders(frame)["configuration"])
    ranked = [_contenders_of_size(rows, competing) for rows in by_size]
    best = pd.concat([rivals.head(1) for rivals in ranked])
    best = best.assign(
        candidates=[len(rows) for rows in by_size],
        rivals=[tuple(rivals["configuration"]) for rivals in ranked],
        trial_id=best["configuration"].map(_first_trials(study)),
    )
    return best.merge(_tests(study), on="trial_id", how="left").reset_index(drop=True)


def _contenders_of_size(rows: pd.DataFrame, competing: set[str]) -> pd.DataFrame:
    """Those that compete among all sizes, so that the best of all is that of its size, too."""
    everywhere = rows[rows["configuration"].isin(competing)]
    return contenders(everywhere if len(everywhere) else rows)


def _first_trials(study: Study) -> dict[str, str]:
    """The first finished trial of each configuration, of those whose mean it is judged by."""
    trials = with_configurations(study.trials)
    runs = judging_runs(outcomes(trials, study.metric))
    finished = runs[runs["status"] == TrialStatus.FINISHED].drop_duplicates("configuration")
    return dict(zip(finished["configuration"], finished["trial_id"], strict=True))


def _tests(study: Study) -> pd.DataFrame:
    """Test accuracies of confirmed configurations, by the trial that each was chosen from."""
    names = {"mean": "test_mean", "low": "test_low", "high": "test_high", "n": "test_n"}
    tests = confirmations(study)
    if tests.empty or study.metric == "test_accuracy":
        return pd.DataFrame(
            {"trial_id": pd.Series(dtype="str"), **{name: [] for name in names.values()}}
        )
    tests = tests.assign(shared=shared_ids(tests))
    chosen = study.trials[["trial_id"]].assign(shared=shared_ids(study.trials))
    tests = tests.drop_duplicates("shared").rename(columns=names)
    return chosen.merge(tests[["shared", *names.values()]], on="shared").drop(columns="shared")
