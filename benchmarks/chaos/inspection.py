"""What the record of a killed search says, against its workers' logs and an undisturbed search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.record.record import read_record
from analysis.record.rows import Closed, Epoch, Run
from analysis.record.status import TrialStatus
from analysis.study.study import load_study
from benchmarks.chaos.events import End, Kill
from benchmarks.hardware import hardware


@dataclass
class Findings:
    """What the record says after the last run; every list is empty where all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    epochs: int = 0
    trained: int = 0  # by the workers' own logs

    @property
    def redone(self) -> int:
        """Epochs trained more than once."""
        return self.trained - self.epochs


def inspect(study: Path, trained: Counter[tuple[str, int]]) -> Findings:
    """Epochs lost or doubled in the ledger, trials unfinished; ``trained`` is the workers' log."""
    record = read_record(study)
    seen = Counter((row.trial_id, row.epoch) for row in record.rows if isinstance(row, Epoch))
    trials = load_study(study).trials
    findings = Findings(
        doubled=[f"{name} epoch {epoch}" for (name, epoch), count in seen.items() if count > 1],
        damage=[f"line {one.line}: {one.problem}" for one in record.damage],
        epochs=len(seen),
        trained=sum(trained.values()),
    )
    for trial in trials.itertuples():
        if trial.status != TrialStatus.FINISHED:
            findings.unfinished.append(f"{trial.trial_id}: {trial.status}")
        findings.lost += [
            f"{trial.trial_id} epoch {epoch}"
            for epoch in range(1, int(trial.epochs) + 1)
            if (trial.trial_id, epoch) not in seen
        ]
    return findings


def trained_epochs(study: Path) -> Counter[tuple[str, int]]:
    """How often each epoch was finished by a worker, from the logs that workers write."""
    counts: Counter[tuple[str, int]] = Counter()
    for log in (study / "logs").glob("*.log"):
        for found in re.finditer(r"attempt \d+ epoch (\d+) train_loss", log.read_text()):
            counts[log.stem, int(found[1])] += 1
    return counts


TIMES = (
    "train_seconds",
    "eval_seconds",
    "images_per_second",
    "time",
    "started",
    "ended",
    "seconds",
)


def same_tables(one: Path, other: Path) -> list[str]:
    """Columns of trials and epochs in which two studies differ, times and attempts excluded."""
    differing = []
    for table, keys in (("trials", ["trial_id"]), ("epochs", ["trial_id", "epoch"])):
        frames = [
            getattr(load_study(study), table).sort_values(keys).reset_index(drop=True)
            for study in (one, other)
        ]
        columns = [
            name
            for name in frames[0].columns
            if name not in (*TIMES, "attempts", "attempt") and not name.endswith("_seconds")
        ]
        for name in columns:
            left, right = frames[0][name], frames[1][name]
            if not left.equals(right) and not (left.isna().all() and right.isna().all()):
                differing.append(f"{table}.{name}")
    return differing


def report(
    study: Path,
    kills: Sequence[Kill],
    ends: Sequence[End],
    calm: Path,
    wall: float,
    calm_wall: float,
) -> dict[str, Any]:
    """Figures as plain JSON."""
    findings = inspect(study, trained_epochs(study))
    differing = same_tables(study, calm)
    waits = [kill.seconds_to_continue for kill in kills if (kill.seconds_to_continue or 0) > 0]
    rows = read_record(study).rows
    unaccounted = [str(end) for end in ends if not end.accounted]
    by_pair = Counter(f"{kill.target} / {kill.phase}" for kill in kills)
    bad = [
        findings.lost,
        findings.doubled,
        findings.unfinished,
        findings.damage,
        differing,
        unaccounted,
    ]
    return {
        "hardware": hardware(),
        "kills": len(kills),
        "kills_by_phase": dict(Counter(kill.phase for kill in kills)),
        "kills_by_target": dict(Counter(kill.target for kill in kills)),
        "kills_by_target_and_phase": dict(sorted(by_pair.items())),
        "runs": len(ends),
        "ends": dict(Counter(map(str, ends)).most_common()),
        "ends_unaccounted": unaccounted,
        "closed_in_order": sum(isinstance(row, Closed) for row in rows),
        "runs_on_record": sum(isinstance(row, Run) for row in rows),
        "epochs": findings.epochs,
        "epochs_lost": len(findings.lost),
        "epochs_twice_on_record": len(findings.doubled),
        "epochs_redone": findings.redone,
        "trials_unfinished": len(findings.unfinished),
        "damaged_lines": len(findings.damage),
        "differing_columns": differing,
        "seconds_to_continue_median": float(pd.Series(waits).median()) if waits else None,
        "seconds_to_continue_max": max(waits, default=None),
        "seconds_in_all": round(wall),
        "seconds_undisturbed": round(calm_wall),
        "all_is_well": not any(bad),
    }
