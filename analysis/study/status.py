"""The status of a study, from its ledger alone: during a search, and years after."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.record.driver import driver_time
from analysis.record.record import RecordError
from analysis.record.status import COMPARABLE, OPEN, TrialStatus
from analysis.study.best import best_configuration, best_of_configuration
from analysis.study.outcomes import outcomes
from analysis.study.study import Study, load_study
from trainables.files.study_folder import LEDGER


@dataclass(frozen=True)
class StudyStatus:
    """Counts, best, rate, time left. Times are in seconds; ``seen`` is in seconds since 1970 (UTC).

    ``state`` is "running" while a driver holds the study, "complete" where every trial has ended,
    else "unfinished". ``seconds_left`` is NaN where no rate is known. ``reason`` is why the last
    driver ended.
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
        """The number of all trials."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; unknown ones are null."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in dataclasses.asdict(self).items()
        }


def study_status(study: Study, now: float | None = None) -> StudyStatus:
    """The status of a study, computed from its frames."""
    trials, runs = study.trials, study.runs
    counts = trials["status"].value_counts()
    epochs = epochs_left(trials)
    if now is None and study.held:  # the epochs have its driver's times, whose clock may be off
        now = driver_time(study.folder)
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
        epochs_left=epochs,
        epochs_per_hour=3600 * rate,
        seconds_left=epochs / rate if rate > 0 else (0.0 if epochs == 0 else math.nan),
        seen=_seen(study),
        slots=int(runs["slots"].iloc[-1]) if len(runs) else 0,
        reason=_reason(runs),
        infeasible=len(study.infeasible),
        aliases=len(study.aliases),
        damaged_lines=len(study.damage),
        running=_running(trials),
    )


def epochs_left(trials: pd.DataFrame) -> float:
    """Epochs that open trials are expected to run, given how early others were stopped."""
    still = trials[trials["status"].isin(OPEN)]
    ended = trials[trials["status"].isin(COMPARABLE)]
    planned = float((still["epochs"] - still["epochs_run"]).clip(lower=0).sum())
    planned_of_ended = float(ended["epochs"].sum())
    share = float(ended["epochs_run"].sum()) / planned_of_ended if planned_of_ended else 1.0
    return planned * min(share, 1.0)


def epochs_per_second(study: Study, now: float) -> float:
    """The rate of the last run; NaN before its first epoch, and where its clock did not go on."""
    if not len(study.runs):
        return math.nan
    begin = float(study.runs["started"].iloc[-1])
    times = study.epochs["time"]
    run_times = times[times >= begin]
    if not len(run_times):
        return math.nan
    end = float(run_times.max())
    if study.held and now > end:
        end = now
    return len(run_times) / (end - begin) if end > begin else math.nan


def find_studies(results: Path) -> list[Path]:
    """The study folders in a results folder, the latest written first."""
    ledgers = results.glob(f"*/{LEDGER}") if results.is_dir() else ()
    return [path.parent for path in sorted(ledgers, key=lambda path: -path.stat().st_mtime)]


def studies_frame(results: Path) -> pd.DataFrame:
    """A row for each study: name, state, trials, finished, best and its accuracy, last time."""
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
    """The trial with that id, or the only one whose id contains ``name``.

    Raises:
        RecordError: where there is none, or several.
    """
    ids = study.trials["trial_id"]
    exact = study.trials[ids == name]
    matches = exact if len(exact) else study.trials[ids.str.contains(name, regex=False)]
    if len(matches) == 1:
        return matches.iloc[0]
    if not len(matches):
        some = ", ".join(ids.head(5))
        raise RecordError(f"{study.folder} has no trial {name!r}; it has {some or 'none'}, …")
    some = ", ".join(matches["trial_id"].head(5))
    raise RecordError(
        f"{name!r} could be any of {len(matches)} trials of {study.folder}: {some}, …"
    )


def study_of(trial: str, results: Path) -> Study:
    """The latest written study in a results folder that has the trial.

    Raises:
        RecordError: where none has it.
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
    same_trial = study.trials[study.trials["trial_id"] == trial["trial_id"]]
    return {
        "trial_id": str(trial["trial_id"]),
        "label": str(best["label"]),
        "accuracy": float(best["mean"]),
        "trial_accuracy": float(trial[study.metric]),
        "learned": not bool(outcomes(same_trial, study.metric)["collapsed"].iloc[0]),
        "runs": int(best["n"]),
        "balanced": bool((study.trials["metric"] == "balanced_accuracy").any()),
        "parameters": int(best["parameters"]),
    }


def _failures(study: Study) -> dict[str, int]:
    failed = study.attempts[study.attempts["status"] == TrialStatus.FAILED]
    counts = failed["error_kind"].fillna("exception").value_counts()
    return {str(kind): int(count) for kind, count in counts.items()}


def _seen(study: Study) -> float:
    """The time of the last row."""
    times = [study.epochs["time"], study.attempts["ended"], study.attempts["started"]]
    times += [study.runs["started"], study.runs["ended"]]
    latest = [float(column.max()) for column in times if column.notna().any()]
    return max(latest, default=math.nan)


def _reason(runs: pd.DataFrame) -> str:
    last = runs["reason"].iloc[-1] if len(runs) else None
    return last if isinstance(last, str) else ""


def _running(trials: pd.DataFrame) -> list[dict[str, Any]]:
    running = trials[trials["status"] == TrialStatus.RUNNING]
    names = ["trial_id", "epochs_run", "epochs", "val_accuracy_last"]
    frame = running[names].rename(columns={"epochs_run": "epoch", "val_accuracy_last": "accuracy"})
    frame = frame.astype({"epoch": "int64", "epochs": "int64"}).astype(object)
    return frame.where(frame.notna(), None).to_dict("records")
