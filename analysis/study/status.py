"""How a study stands, from its ledger alone: works while a search writes, and years after."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.record.record import RecordError
from analysis.record.status import COMPARABLE, OPEN, TrialStatus
from analysis.study.best import best_configuration, best_of_configuration
from analysis.study.study import Study, load_study
from trainables.files.study_folder import LEDGER


@dataclass(frozen=True)
class StudyStatus:
    """Counts, best, rate, time left. Times are in seconds, ``seen`` since the epoch (UTC).

    ``state``: "running" while a driver holds the study, "complete" where every trial ended,
    "unfinished" otherwise. ``seconds_left`` is NaN where there is no rate to go by; ``reason`` is
    why the last driver let go.
    """

    name: str
    folder: str
    question: str
    state: str
    counts: dict[str, int]
    metric: str
    best: dict[str, Any] | None
    failures: dict[str, int]
    epochs_done: int
    epochs_left: float
    epochs_per_hour: float
    seconds_left: float
    seen: float
    slots: int
    reason: str
    infeasible: int
    aliases: int
    damaged_lines: int
    running: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trials(self) -> int:
        """All that entered the study."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is null."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in dataclasses.asdict(self).items()
        }


def study_status(study: Study, now: float | None = None) -> StudyStatus:
    """Reads it off the frames."""
    trials, runs = study.trials, study.runs
    counts = trials["status"].value_counts()
    left = epochs_left(trials)
    rate = epochs_per_second(study, time.time() if now is None else now)
    return StudyStatus(
        name=study.name,
        folder=str(study.folder),
        question=study.question,
        state=_state(study),
        counts={name: int(counts[name]) for name in TrialStatus if name in counts},
        metric=study.metric,
        best=_best(study),
        failures=_failures(study),
        epochs_done=int(trials["epochs_run"].sum()),
        epochs_left=left,
        epochs_per_hour=3600 * rate,
        seconds_left=left / rate if rate > 0 else (0.0 if left == 0 else math.nan),
        seen=_seen(study),
        slots=int(runs["slots"].iloc[-1]) if len(runs) else 0,
        reason=_reason(runs),
        infeasible=len(study.infeasible),
        aliases=len(study.aliases),
        damaged_lines=len(study.damage),
        running=_running(trials),
    )


def epochs_left(trials: pd.DataFrame) -> float:
    """Epochs that open trials still have to run, given how early the ended ones were stopped."""
    still = trials[trials["status"].isin(OPEN)]
    ended = trials[trials["status"].isin(COMPARABLE)]
    planned = float((still["epochs"] - still["epochs_run"]).clip(lower=0).sum())
    whole = float(ended["epochs"].sum())
    share = float(ended["epochs_run"].sum()) / whole if whole else 1.0
    return planned * min(share, 1.0)


def epochs_per_second(study: Study, now: float) -> float:
    """Of the last run; NaN before its first epoch."""
    if not len(study.runs):
        return math.nan
    begin = float(study.runs["started"].iloc[-1])
    times = study.epochs["time"]
    ours = times[times >= begin]
    if not len(ours):
        return math.nan
    end = max(now, float(ours.max())) if study.held else float(ours.max())
    return len(ours) / max(end - begin, 1e-9)


def find_studies(results: Path) -> list[Path]:
    """The study folders in a results folder, the one last written to first."""
    ledgers = results.glob(f"*/{LEDGER}") if results.is_dir() else ()
    return [path.parent for path in sorted(ledgers, key=lambda path: -path.stat().st_mtime)]


def studies_frame(results: Path) -> pd.DataFrame:
    """A row a study: name, state, trials, finished, best and its accuracy, when last seen."""
    rows = []
    for folder in find_studies(results):
        try:
            status = study_status(load_study(folder))
        except (RecordError, ValueError) as problem:
            rows.append((folder.name, f"unreadable: {problem}", 0, 0, math.nan, "", math.nan))
            continue
        best = status.best or {}
        finished = status.counts.get(TrialStatus.FINISHED, 0)
        named = best.get("accuracy", math.nan), best.get("trial_id", "")
        rows.append((folder.name, status.state, status.trials, finished, *named, status.seen))
    columns = ["study", "state", "trials", "finished", "best_accuracy", "best", "seen"]
    return pd.DataFrame(rows, columns=columns)


def find_trial(study: Study, name: str) -> pd.Series:
    """The trial of that id, or the only one whose id holds ``name``.

    Raises:
        RecordError: where there is none, or several.
    """
    ids = study.trials["trial_id"]
    exact = study.trials[ids == name]
    found = exact if len(exact) else study.trials[ids.str.contains(name, regex=False)]
    if len(found) == 1:
        return found.iloc[0]
    if not len(found):
        some = ", ".join(ids.head(5))
        raise RecordError(f"{study.folder} has no trial {name!r}; it has {some or 'none'}, …")
    some = ", ".join(found["trial_id"].head(5))
    raise RecordError(f"{name!r} could be any of {len(found)} trials of {study.folder}: {some}, …")


def study_of(trial: str, results: Path) -> Study:
    """The study in a results folder that has the trial, the one last written to first.

    Raises:
        RecordError: where none has.
    """
    studies = [load_study(folder) for folder in find_studies(results)]
    for study in studies:
        if study.trials["trial_id"].str.contains(trial, regex=False).any():
            return study
    raise RecordError(f"none of the {len(studies)} studies in {results} has a trial {trial!r}")


def _state(study: Study) -> str:
    if study.held:
        return "running"
    return "unfinished" if study.trials["status"].isin(OPEN).any() else "complete"


def _best(study: Study) -> dict[str, Any] | None:
    try:
        best = best_configuration(study)
    except RecordError:
        return None
    trial = best_of_configuration(study, str(best["configuration"]))
    return {
        "trial_id": str(trial["trial_id"]),
        "label": str(best["label"]),
        "accuracy": float(best["mean"]),
        "trial_accuracy": float(trial[study.metric]),
        "runs": int(best["n"]),
        "parameters": int(best["parameters"]),
    }


def _failures(study: Study) -> dict[str, int]:
    failed = study.attempts[study.attempts["status"] == TrialStatus.FAILED]
    counts = failed["error_kind"].fillna("exception").value_counts()
    return {str(kind): int(count) for kind, count in counts.items()}


def _seen(study: Study) -> float:
    """When the last row was written."""
    times = [study.epochs["time"], study.attempts["ended"], study.attempts["started"]]
    times += [study.runs["started"], study.runs["ended"]]
    latest = [float(column.max()) for column in times if column.notna().any()]
    return max(latest, default=math.nan)


def _reason(runs: pd.DataFrame) -> str:
    last = runs["reason"].iloc[-1] if len(runs) else None
    return last if isinstance(last, str) else ""


def _running(trials: pd.DataFrame) -> list[dict[str, Any]]:
    ours = trials[trials["status"] == TrialStatus.RUNNING]
    names = ["trial_id", "epochs_run", "epochs", "val_accuracy_last"]
    frame = ours[names].rename(columns={"epochs_run": "epoch", "val_accuracy_last": "accuracy"})
    frame = frame.astype({"epoch": "int64", "epochs": "int64"}).astype(object)
    return frame.where(frame.notna(), None).to_dict("records")
