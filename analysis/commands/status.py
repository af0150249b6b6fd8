"""Shows the status of a study."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from analysis.commands.arguments import (
    AnyStudy,
    AsJson,
    ResultsDir,
    chosen,
    print_json,
    print_text,
)
from analysis.record.status import TrialStatus
from analysis.study.status import StudyStatus, study_status
from analysis.study.study import load_study
from trainables.text.count import plural
from trainables.text.duration import format_duration
from trainables.text.moment import format_moment
from trainables.text.share import percent
from trainables.text.table import WIDTH


def run(study: AnyStudy = None, results_dir: ResultsDir = None, as_json: AsJson = False) -> None:
    """Prints the status of a study."""
    status = study_status(load_study(chosen(study, results_dir)))
    if as_json:
        print_json(status.to_dict())
    else:
        print_text(status_text(status))


def status_text(status: StudyStatus) -> str:
    """The status of a study as text."""
    lines = textwrap.wrap(f"{status.name}: {status.state}{_since(status)}", WIDTH)
    lines += textwrap.wrap(status.question, WIDTH)
    status_names = {
        str(TrialStatus.NEVER_RAN): "waiting" if status.state == "running" else "never ran"
    }
    counts = ", ".join(f"{n} {status_names.get(name, name)}" for name, n in status.counts.items())
    lines.append(f"trials     {status.trials}: {counts or 'none'}")
    if status.best:
        lines += _best_lines(status, status.best)
    if status.epochs_per_hour > 0:
        slots = plural(status.slots, "slot")
        lines.append(f"rate       {status.epochs_per_hour:,.0f} epochs per hour, {slots}")
    if status.epochs_left:
        time_left = (
            "time not known yet"
            if math.isnan(status.seconds_left)
            else format_duration(status.seconds_left)
        )
        lines.append(f"left       about {plural(round(status.epochs_left), 'epoch')}: {time_left}")
    if status.failures:
        kinds = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in status.failures.items())
        lines.append(f"failures   {kinds} (failed attempts)")
    if status.damaged_lines:
        damaged = plural(status.damaged_lines, "line")
        lines.append(f"damage     {damaged} of the ledger cannot be read")
    return "\n".join([*lines, *map(_running_line, status.running)])


def _best_lines(status: StudyStatus, best: Mapping[str, Any]) -> list[str]:
    """The best configuration's accuracy, and its best trial."""
    words = f"best       {percent(best['accuracy'])} {_measure(status)}"
    own = percent(best["trial_accuracy"])
    if not best["learned"]:  # and so did no other run of it, which reached less
        chance = f"           (chance, as a run that learned nothing counts; it has {own})"
        return [f"{words}  {best['trial_id']}", chance]
    if best["runs"] == 1:
        return [f"{words}  {best['trial_id']}"]
    return [
        f"{words}, the mean of {best['runs']} runs; the highest:",
        f"           {own}  {best['trial_id']}",
    ]


def _running_line(trial: Mapping[str, Any]) -> str:
    accuracy = "" if trial["accuracy"] is None else f"  {percent(trial['accuracy'])}"
    return f"  epoch {trial['epoch']:>3}/{trial['epochs']:<3}{accuracy}  {trial['trial_id']}"


def _measure(status: StudyStatus) -> str:
    """What the best is judged by, in words."""
    image_set = "test" if status.metric == "test_accuracy" else "validation"
    balanced = "balanced " if status.best and status.best["balanced"] else ""
    return f"{balanced}{image_set} accuracy"


def _since(status: StudyStatus) -> str:
    if math.isnan(status.seen):
        return ""
    reason = f" ({status.reason})" if status.reason and status.state != "running" else ""
    return f", last heard of {format_moment(status.seen)}{reason}"
