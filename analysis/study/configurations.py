"""Configurations: trials that differ in their seed alone are replicates of one."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from analysis.record.dtypes import CONFIG_DTYPES, RENAMED
from analysis.study.searched_keys import existing
from analysis.study.study import Study, per_study
from trainables.config.train_config import TrainConfig
from trainables.sizes.size_keys import SIZE_KEYS

KEYS = {column: key for key, column in RENAMED.items()}
"""The key, as ``--set`` takes it, of a column that has another name."""
SIZE_COLUMNS = tuple(RENAMED.get(name, name) for name in SIZE_KEYS)
DEFAULTS = {
    RENAMED.get(name, name): key.default
    for name, key in TrainConfig.__dataclass_fields__.items()
    if key.default is not None
}
"""The default of each key, by its column."""

UNSAID = {("budget_side", "within")}
"""Values that labels leave out even where the key varies: they are what a reader assumes."""


def config_names(trials: pd.DataFrame) -> list[str]:
    """The columns that hold a configuration."""
    return [name for name in CONFIG_DTYPES if name in trials]


def configuration_ids(trials: pd.DataFrame, without: Iterable[str] = ("seed",)) -> pd.Series:
    """An id shared by trials that differ only in the columns ``without``, the same in all studies.

    A key that a trial lacks counts as its default, as in training.
    """
    names = [name for name in config_names(trials) if name not in set(without)]
    if not len(trials):
        return pd.Series([], dtype="str", index=trials.index)
    has_layer = (
        trials["layer"].notna() if "layer" in trials else pd.Series(True, index=trials.index)
    )
    completed = trials[names].fillna(
        {name: value for name, value in DEFAULTS.items() if name in names}
    )
    # a trial whose configuration is lost has no defaults either
    completed = completed.where(has_layer, trials[names])
    hashes = pd.util.hash_pandas_object(completed, index=False)
    return pd.Series([f"{number:016x}"[:12] for number in hashes], index=trials.index, dtype="str")


def with_configurations(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with a column ``configuration``, the id that replicates share."""
    return trials.assign(configuration=configuration_ids(trials))


def varying(trials: pd.DataFrame, without: Iterable[str] = ("seed",)) -> list[str]:
    """Configuration columns with more than one value."""
    names = [name for name in config_names(trials) if name not in set(without)]
    return [name for name in names if trials[name].nunique(dropna=False) > 1]


def labels(trials: pd.DataFrame) -> pd.Series:
    """A label for each configuration: its layer and the keys that vary, "low_rank rank 8".

    Numbers have enough digits to distinguish the values of a key, so that labels are unique.
    """
    names = [name for name in varying(trials) if name != "layer"]
    columns = [_value_texts(name, trials[name]) for name in names]
    rows = zip(trials["layer"], *columns, strict=True) if len(trials) else ()
    text = [" ".join(part for part in row if isinstance(part, str) and part) for row in rows]
    return pd.Series(text, index=trials.index, dtype="str")


def _value_texts(name: str, values: pd.Series) -> list[str]:
    known, key = values.notna(), KEYS.get(name, name)
    words = distinct_numbers(values[known]) if len(values) else {}
    return [
        f"{key} {words[value]}" if there and (name, value) not in UNSAID else ""
        for value, there in zip(values, known, strict=True)
    ]


def distinct_numbers(values: Iterable[object]) -> dict[object, str]:
    """Each value as text; floats with the fewest digits (three or more) that keep them distinct."""
    different = dict.fromkeys(values)
    floats = [value for value in different if isinstance(value, float)]
    formats = ("{:.%dg}".__mod__(digits).format for digits in range(3, 17))
    distinct = (text for text in formats if len({*map(text, floats)}) == len(floats))
    write = next(distinct, repr)  # repr tells any two apart, and writes 0.1 as it is
    # an empty text is a value, too
    return {v: write(v) if isinstance(v, float) else str(v) or "''" for v in different}


@per_study
def grid(study: Study) -> pd.DataFrame:
    """Trials and aliases as rows: an alias has the trial's numbers, and its own keys as written."""
    trials, aliases = study.trials, study.aliases
    flagged = trials.assign(alias=False)
    known = aliases[aliases["same_as"].isin(trials["trial_id"])]
    if not len(known):
        return flagged
    aliased = trials.set_index("trial_id").loc[known["same_as"]].reset_index()
    for name in config_names(trials):
        written = known[name].reset_index(drop=True)
        sized = known[list(SIZE_COLUMNS)].notna().any(axis=1).reset_index(drop=True)
        # one key gives the size: the trial's key for it does not hold for the alias
        if name in SIZE_COLUMNS:
            aliased[name] = written.where(sized, aliased[name])
        else:
            aliased[name] = written.where(written.notna(), aliased[name])
    combined = pd.concat([flagged, aliased.assign(alias=True)], ignore_index=True)
    combined = existing(combined, study.space)  # a key of the trial may not exist for the alias
    # spellings that differ in keys without a meaning here are one, and their runs count once
    again = combined.duplicated(["trial_id", *config_names(combined)])
    return combined[~again].reset_index(drop=True)
