"""Two studies side by side: the configurations they share, and what differs between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.record.open_keys import in_one_spelling
from analysis.statistics.intervals import pooled_sd, t_p_value, t_quantile
from analysis.statistics.multiple_tests import holm
from analysis.study.configurations import configuration_ids
from analysis.study.replicates import replicates
from analysis.study.study import Study
from trainables.config.resolution import OPEN_KEYS

DESCRIBED = ("command", "git_revision", "machine", "device", "dataset", "search", "scheduler")


def compare(a: Study, b: Study) -> pd.DataFrame:
    """A row a configuration that finished in both: means, and the difference b − a.

    ``low``–``high`` is the 95 % t interval of the difference, with the spread of runs pooled over
    all of them; ``p_holm`` its p-value after Holm's correction. NaN where no configuration has two
    runs. ``same_runs`` counts trials of equal id whose accuracies are equal to the last bit.
    """
    a, b = _with_defaults_left_out(a), _with_defaults_left_out(b)
    keys = ["configuration", "label", "parameters", "mean", "sd", "n"]
    both = replicates(a)[keys].merge(
        replicates(b)[["configuration", "mean", "sd", "n"]],
        on="configuration",
        suffixes=("_a", "_b"),
    )
    spread = np.concatenate([both["sd_a"], both["sd_b"]])
    counts = np.concatenate([both["n_a"], both["n_b"]])
    sd, df = pooled_sd(spread, counts)
    difference = both["mean_b"] - both["mean_a"]
    se = sd * np.sqrt(1 / both["n_a"] + 1 / both["n_b"])
    half = float(t_quantile(df)) * se
    p = t_p_value(difference, se, np.full(len(both), float(df)))
    return both.assign(
        difference=difference,
        low=difference - half,
        high=difference + half,
        p_holm=holm([float(value) for value in p]),
        same_runs=_same_runs(a, b)
        .reindex(both["configuration"])
        .fillna(0)
        .astype("int64")
        .to_numpy(),
    ).drop(columns=["sd_a", "sd_b"])


def _with_defaults_left_out(study: Study) -> Study:
    """The study as one would read it that searches no key of which a default can be left out."""
    searched = (study.info.get("space") or {}).get("keys") or {}
    if not any(name in searched for name in OPEN_KEYS):
        return study
    trials = in_one_spelling(study.tables.trials, study.info, said=())
    return dataclasses.replace(study, tables=dataclasses.replace(study.tables, trials=trials))


def _same_runs(a: Study, b: Study) -> pd.Series:
    ours = a.trials.assign(configuration=configuration_ids(a.trials), value=a.trials[a.metric])
    theirs = b.trials[["trial_id", b.metric]].rename(columns={b.metric: "theirs"})
    both = ours[["trial_id", "configuration", "value"]].merge(theirs, on="trial_id")
    return both[both["value"] == both["theirs"]].groupby("configuration").size()


def differences(a: Study, b: Study) -> pd.DataFrame:
    """A row for everything said of the studies that is not the same: ``what``, ``a``, ``b``."""
    ours, theirs = _flat(a.info), _flat(b.info)
    rows = [
        (name, ours.get(name, ""), theirs.get(name, ""))
        for name in [*ours, *(name for name in theirs if name not in ours)]
        if ours.get(name) != theirs.get(name)
    ]
    return pd.DataFrame(rows, columns=["what", "a", "b"], dtype="str")


def _flat(info: Mapping[str, Any]) -> dict[str, str]:
    flat = {name: str(info[name]) for name in DESCRIBED if name in info}
    space = info.get("space") or {}
    flat |= {f"fixed {name}": str(value) for name, value in (space.get("fixed") or {}).items()}
    return flat | {
        f"version {name}": str(one) for name, one in (info.get("versions") or {}).items()
    }
