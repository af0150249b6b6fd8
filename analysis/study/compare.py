"""Two studies compared: the configurations that they share, and the differences between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.record.open_keys import in_one_spelling
from analysis.statistics.intervals import pooled_sd, t_p_value, t_quantile
from analysis.statistics.multiple_tests import holm
from analysis.study.configurations import with_configurations
from analysis.study.replicates import replicates
from analysis.study.study import Study
from trainables.config.resolution import OPEN_KEYS

DESCRIBED = ("command", "git_revision", "machine", "device", "dataset", "search", "scheduler")


def compare(a: Study, b: Study) -> pd.DataFrame:
    """A row for each configuration that finished in both: means, and the difference b − a.

    ``low`` to ``high`` is the 95 % t interval of the difference, with the spread pooled over all
    configurations; ``p_holm`` is its p-value after Holm's correction. Both are NaN where no
    configuration has two runs. ``same_runs`` counts trials of equal id with bit-identical accuracy.
    """
    a, b = _with_defaults_left_out(a), _with_defaults_left_out(b)
    keys = ["configuration", "label", "parameters", "mean", "sd", "n"]
    shared = replicates(a)[keys].merge(
        replicates(b)[["configuration", "mean", "sd", "n"]],
        on="configuration",
        suffixes=("_a", "_b"),
    )
    spread = np.concatenate([shared["sd_a"], shared["sd_b"]])
    counts = np.concatenate([shared["n_a"], shared["n_b"]])
    sd, df = pooled_sd(spread, counts)
    difference = shared["mean_b"] - shared["mean_a"]
    se = sd * np.sqrt(1 / shared["n_a"] + 1 / shared["n_b"])
    half = float(t_quantile(df)) * se
    p = t_p_value(difference, se, np.full(len(shared), float(df)))
    return shared.assign(
        difference=difference,
        low=(difference - half).clip(lower=-1),
        high=(difference + half).clip(upper=1),
        p_holm=holm([float(value) for value in p]),
        same_runs=_same_runs(a, b)
        .reindex(shared["configuration"])
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
    first = with_configurations(a.trials).assign(value=a.trials[a.metric])
    second = b.trials[["trial_id", b.metric]].rename(columns={b.metric: "theirs"})
    both = first[["trial_id", "configuration", "value"]].merge(second, on="trial_id")
    return both[both["value"] == both["theirs"]].groupby("configuration").size()


def differences(a: Study, b: Study) -> pd.DataFrame:
    """A row for each entry of the studies' descriptions that differs: ``what``, ``a``, ``b``."""
    first, second = _flat(a.info), _flat(b.info)
    rows = [
        (name, first.get(name, ""), second.get(name, ""))
        for name in [*first, *(name for name in second if name not in first)]
        if first.get(name) != second.get(name)
    ]
    return pd.DataFrame(rows, columns=["what", "a", "b"], dtype="str")


def _flat(info: Mapping[str, Any]) -> dict[str, str]:
    flat = {name: str(info[name]) for name in DESCRIBED if name in info}
    space = info.get("space") or {}
    flat |= {f"fixed {name}": str(value) for name, value in (space.get("fixed") or {}).items()}
    return flat | {
        f"version {name}": str(version) for name, version in (info.get("versions") or {}).items()
    }
