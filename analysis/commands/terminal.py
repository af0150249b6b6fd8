"""Plain text for a terminal of 80 columns, the same when it is piped."""

from __future__ import annotations

import datetime
import math
import textwrap
from typing import Any

import pandas as pd

from analysis.claims.claim import points
from analysis.record.status import TrialStatus
from analysis.study.matching_trials import would_have_won
from analysis.study.status import StudyStatus
from analysis.study.study import Study

WIDTH = 80


def status_text(status: StudyStatus) -> str:
    """A study at a glance."""
    lines = textwrap.wrap(f"{status.name}: {status.state}{_since(status)}", WIDTH)
    lines += textwrap.wrap(status.question, WIDTH)
    words = {str(TrialStatus.NEVER_RAN): "waiting" if status.state == "running" else "never ran"}
    counts = ", ".join(f"{n} {words.get(name, name)}" for name, n in status.counts.items())
    lines.append(f"trials     {status.trials}: {counts or 'none'}")
    if status.best:
        best = status.best
        what = "test" if status.metric == "test_accuracy" else "validation"
        lines.append(f"best       {points(best['accuracy'])} % {what} accuracy  {best['trial_id']}")
    if status.epochs_per_hour > 0:
        lines.append(
            f"rate       {status.epochs_per_hour:,.0f} epochs an hour, {status.slots} slots"
        )
    if status.epochs_left:
        left = (
            "no rate yet to say when"
            if math.isnan(status.seconds_left)
            else duration(status.seconds_left)
        )
        lines.append(f"left       about {status.epochs_left:,.0f} epochs: {left}")
    if status.failures:
        kinds = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in status.failures.items())
        lines.append(f"failures   {kinds} (attempts)")
    if status.damaged_lines:
        lines.append(f"damage     {status.damaged_lines} lines of the ledger cannot be read")
    for trial in status.running:
        accuracy = "" if trial["accuracy"] is None else f"  {points(trial['accuracy'])} %"
        lines.append(
            f"  epoch {trial['epoch']:>3}/{trial['epochs']:<3}{accuracy}  {trial['trial_id']}"
        )
    return "\n".join(lines)


def _since(status: StudyStatus) -> str:
    if math.isnan(status.seen):
        return ""
    seen = datetime.datetime.fromtimestamp(status.seen, datetime.UTC)
    reason = f" ({status.reason})" if status.reason and status.state != "running" else ""
    return f", last heard of {seen:%Y-%m-%d %H:%M} UTC{reason}"


def duration(seconds: float) -> str:
    """Two units: "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    said = [f"{amount} {unit}" for amount, unit in parts if amount]
    return " ".join(said[:2]) or "0 s"


def trial_text(study: Study, trial: pd.Series) -> str:
    """A trial: how it stands, what it is, how it learned, what went wrong."""
    name = str(trial["trial_id"])
    lines = [f"{name}: {trial['status']}, {trial['epochs_run']} of {_said(trial['epochs'])} epochs"]
    facts = {
        "parameters": f"{_said(trial['parameters'])} ({float(trial['compression']):.2%} of dense)",
        "macs": f"{float(trial['macs']):,.0f} multiply-adds an image",
        "trained": f"{duration(float(trial['train_seconds']))} in {trial['attempts']} attempts",
    }
    lines += [f"{what:<11}{fact}" for what, fact in facts.items()]
    lines += ["", *_config_lines(trial)]
    epochs = study.epochs[study.epochs["trial_id"] == name]
    if len(epochs):
        lines += ["", *_epoch_lines(epochs)]
    if isinstance(trial["error"], str):
        lines += ["", f"{trial['error_kind']}:", trial["error"].rstrip()]
    return "\n".join(lines)


def _config_lines(trial: pd.Series) -> list[str]:
    from analysis.record.dtypes import CONFIG_DTYPES

    names = [name for name in CONFIG_DTYPES if name in trial and pd.notna(trial[name])]
    pairs = [f"{name}={_said(trial[name])}" for name in names if trial[name] != ""]
    return textwrap.wrap(" ".join(pairs), WIDTH, break_on_hyphens=False, break_long_words=False)


def _epoch_lines(epochs: pd.DataFrame) -> list[str]:
    names = ["epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "train_seconds"]
    table = epochs[names].dropna(axis="columns", how="all").round(4)
    return table_text(table).split("\n")


def table_text(frame: pd.DataFrame) -> str:
    """Aligned columns; one line says that there are no rows."""
    return frame.to_string(index=False, na_rep="", line_width=None) if len(frame) else "(none)"


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def studies_text(frame: pd.DataFrame) -> str:
    """A line a study."""
    shown = pd.DataFrame(
        {
            "study": frame["study"],
            "state": frame["state"],
            "finished": [
                f"{a}/{b}" for a, b in zip(frame["finished"], frame["trials"], strict=True)
            ],
            "best": [_percent(value) for value in frame["best_accuracy"]],
            "last heard of": [_when(value) for value in frame["seen"]],
        }
    )
    return table_text(shown)


def _percent(fraction: float) -> str:
    return "" if math.isnan(fraction) else f"{points(fraction)} %"


def _when(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M} UTC"


def trial_record(study: Study, trial: pd.Series) -> dict[str, Any]:
    """A trial as plain values: its row, its attempts and its epochs."""
    name = trial["trial_id"]
    own = {what: _value(value) for what, value in trial.items()}
    tables = {"attempts": study.attempts, "epochs": study.epochs}
    for what, frame in tables.items():
        ours = frame[frame["trial_id"] == name].drop(columns="trial_id")
        own[f"{what}_rows"] = [
            {key: _value(value) for key, value in row.items()} for row in ours.to_dict("records")
        ]
    return {str(what): value for what, value in own.items()}


def _value(value: Any) -> Any:
    return None if value is None or pd.isna(value) else value


def comparison_text(a: Study, b: Study, frame: pd.DataFrame, other: pd.DataFrame) -> str:
    """Two studies: results first, then everything else that is not the same."""
    lines = [f"a: {a.folder}", f"b: {b.folder}", ""]
    lines.append(f"{len(frame)} configurations finished in both (b − a in points, 95 % interval)")
    if len(frame):
        shown = pd.DataFrame(
            {
                "configuration": [
                    textwrap.shorten(label, 32, placeholder="…") for label in frame["label"]
                ],
                "n": [f"{x}, {y}" for x, y in zip(frame["n_a"], frame["n_b"], strict=True)],
                "b − a": [points(value, True) for value in frame["difference"]],
                "interval": [_interval(row.low, row.high) for row in frame.itertuples()],
                "p (Holm)": ["" if math.isnan(p) else f"{p:.3f}" for p in frame["p_holm"]],
            }
        )
        lines.append(table_text(shown))
        same = int(frame["same_runs"].sum())
        if same:
            lines.append(f"the same in both to the last bit: {same} runs")
    lines += _stopped_lines(a, b)
    lines += ["", "differences"]
    for row in other.itertuples():
        lines += textwrap.wrap(f"{row.what}: {row.a or '(none)'} | {row.b or '(none)'}", WIDTH)
    return "\n".join(lines if len(other) else [*lines, "(none but the results)"])


def _stopped_lines(a: Study, b: Study) -> list[str]:
    """Whether a scheduler of one study stopped what won in the other."""
    lines = []
    for ours, theirs, names in ((a, b, "ab"), (b, a, "ba")):
        frame = would_have_won(ours, theirs)
        if len(frame):
            text = f"{len(frame)} trials that {names[0]} stopped finished in {names[1]}"
            lines.append(f"{text}: {int(frame['won'].sum())} of them would have won {names[0]}")
    return lines


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{points(low, True)} to {points(high, True)}"
