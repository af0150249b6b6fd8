"""The content of a report: text and numbers for the templates of the page and of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from analysis.charts import theme
from analysis.charts.labels import probability
from analysis.charts.metric_label import balanced, metric_name
from analysis.charts.registry import CHARTS
from analysis.claims.answers import answer, claims
from analysis.claims.best import picked_intervals
from analysis.claims.claim import points
from analysis.record.status import TrialStatus
from analysis.report.provenance import IN_TURN, over_time, provenance, ways_of_computing
from analysis.report.rendered import Drawn, Missing
from analysis.report.train_command import train_commands
from analysis.statistics.chance import standard_error
from analysis.statistics.intervals import Interval
from analysis.study.best import best_configuration
from analysis.study.best_by_size import best_at_each_size
from analysis.study.confirmation import confirmation_folder, is_confirmation, original_folder
from analysis.study.held_out import judging_images
from trainables.files.study_folder import REPORT
from trainables.text.count import plural, short_count
from trainables.text.duration import format_duration
from trainables.text.share import percent

if TYPE_CHECKING:
    from analysis.study.study import Study

VERDICTS = {"shown": "Shown", "not_shown": "Not shown", "cannot_say": "Cannot say"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A number at the top of the report."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning that stands before all numbers."""

    head: str
    text: str


def content(study: Study, charts: list[Drawn | Missing]) -> dict[str, Any]:
    """The values for both templates."""
    main_claim = answer(study)
    best = best_at_each_size(study)
    best = best.assign(picked=picked_intervals(study, best))
    commands = train_commands(study)
    return {
        "name": study.name,
        "question": study.question,
        "held": study.held,
        "original": _linked_study(original_folder(study)),
        "confirmation": _linked_study(confirmation_folder(study)),
        "warnings": _warnings(study),
        "answer": main_claim,
        "claims": [claim for claim in claims(study) if claim.words != main_claim.words],
        "verdicts": VERDICTS,
        "facts": _facts(study, best),
        "measure": metric_name(study),
        "best": [_best_row(row, commands) for row in best.to_dict("records")],
        "tested": "test_mean" in best and bool(best["test_mean"].notna().any()),
        "charts": [chart for chart in charts if isinstance(chart, Drawn)],
        "wide": {name for name, chart in CHARTS.items() if chart.wide},
        "missing": [chart for chart in charts if isinstance(chart, Missing)],
        "provenance": provenance(study),
    }


def _linked_study(folder: Path | None) -> dict[str, str] | None:
    """The name of another study and the link to its folder; None if it has no report."""
    if folder is None or not (folder / REPORT).is_file():
        return None
    return {"name": folder.name, "at": f"../{quote(folder.name)}"}


def _warnings(study: Study) -> list[Caution]:
    return [
        *_test_set(study),
        *_balanced(study),
        *_protocol(study),
        *_ways_of_computing(study),
        *_changed_conditions(study),
        *_damage(study),
    ]


def _test_set(study: Study) -> Iterator[Caution]:
    if is_confirmation(study):
        text = (
            "Every accuracy here is on the TEST SET, after training on all images with fresh seeds."
            " The networks were chosen before, on validation images. To choose among them by these"
            " numbers, new images would be needed to judge the choice."
        )
        yield Caution("A confirmation.", text)
    elif study.metric == "test_accuracy":
        text = (
            "No image was held out for validation: every accuracy here is on the TEST SET, and so"
            " was every choice. Such accuracies are biased upwards; do not compare them with"
            " confirmed ones."
        )
        yield Caution("Judged on the test set.", text)


def _balanced(study: Study) -> Iterator[Caution]:
    if balanced(study):
        text = (
            "Every accuracy here, except on training images, is balanced: the mean over classes of"
            " the share of images classified correctly, however many images a class has."
        )
        yield Caution("Balanced accuracy.", text)


def _protocol(study: Study) -> Iterator[Caution]:
    protocols = sorted(set(study.trials["protocol"].dropna()) - {"corrected"})
    if protocols:
        text = (
            f"Trials follow the protocol {', '.join(protocols)}, which repeats faults of the"
            " original study on purpose. They say what that study saw, not what networks can do."
        )
        yield Caution("Not the corrected protocol.", text)


def _ways_of_computing(study: Study) -> Iterator[Caution]:
    groups = ways_of_computing(study)
    in_turn = sum(count for group, count in groups.items() if IN_TURN in group)
    if len(groups) > 1 or in_turn:
        counted = ", ".join(f"{count} with {group}" for group, count in groups.items())
        text = (
            "Threads, code path and device change how numbers are rounded, and with it a trial's"
            f" accuracy: {counted}. Differences between these groups are partly due to that."
        )
        if in_turn:
            text += f" No command repeats {plural(in_turn, 'trial')} that changed these in between."
        yield Caution("Trials were computed in different ways.", text)


def _changed_conditions(study: Study) -> Iterator[Caution]:
    settings = over_time(study.info, "versions") | over_time(study.info, "environment")
    changed = "; ".join(f"{name} {value}" for name, value in settings.items() if IN_TURN in value)
    if changed:
        text = (
            "Libraries and variables can change how numbers are rounded, and their last values"
            f" were not those of all trials: {changed}."
        )
        yield Caution("What computes changed while the study ran.", text)


def _damage(study: Study) -> Iterator[Caution]:
    if len(study.damage):
        text = f"{plural(len(study.damage), 'line')} of the ledger could not be read."
        yield Caution("Damaged record.", text)


def _facts(study: Study, best: pd.DataFrame) -> list[Fact]:
    trials = study.trials
    done = int((trials["status"] == TrialStatus.FINISHED).sum())
    others = trials["status"].value_counts().drop(TrialStatus.FINISHED, errors="ignore")
    note = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in others.items())
    facts = [Fact("Finished trials", f"{done:,} of {len(trials):,}", note)]
    if len(best):
        found = best_configuration(study)["configuration"]
        top = best[best["configuration"] == found].iloc[0]
        note = f"{top['label']}{_interval_note(top['picked'])}{_images_note(study, top['mean'])}"
        facts.append(Fact(f"Best {metric_name(study)}", percent(top["mean"]), note))
        size = f"{int(top['parameters']):,}"
        facts.append(Fact("Its parameters", size, f"{percent(top['compression'])} of dense"))
    seconds = float(trials["train_seconds"].sum()) if len(trials) else 0.0
    facts.append(Fact("Training time", format_duration(seconds), "summed over all trials"))
    return facts


def _best_row(row: dict[str, Any], commands: Mapping[str, str]) -> dict[str, Any]:
    colour = theme.styles([row["layer"]])[row["layer"]].colour
    return {
        "size": f"{short_count(row['from_size'])} – {short_count(row['to_size'])}",
        "label": row["label"],
        "colour": colour,
        "dark": theme.DARK[colour],
        "parameters": f"{int(row['parameters']):,}",
        "compression": percent(row["compression"]),
        "accuracy": percent(row["mean"]),
        "interval": _range(row["picked"]),
        "runs": _runs(row),
        "probability": "–" if pd.isna(row["probability"]) else probability(row["probability"]),
        "test": _tested(row),
        "command": commands[row["trial_id"]],
    }


def _range(interval: Interval) -> str:
    """An interval in per cent, "91.20 to 92.35"; "" where there is none."""
    if pd.isna(interval.low):
        return ""
    return f"{points(interval.low)} to {points(interval.high)}"


def _interval_note(interval: Interval) -> str:
    said = _range(interval)
    return f", 95 % interval {said}" if said else ""


def _images_note(study: Study, mean: float) -> str:
    """The standard error of an accuracy from the number of held-out images."""
    images = judging_images(study)
    if not images:
        return ""
    return f"; ± {points(standard_error(mean, images))} from the choice of {images:,} images"


def _runs(row: dict[str, Any]) -> str:
    """The numbers of finished, planned and collapsed runs."""
    said = f"{row['n']} of {row['planned']}" if row["n"] < row["planned"] else f"{row['n']}"
    said += " fresh" if row["estimated"] else ""
    return f"{said}, {row['collapsed']} collapsed" if row["collapsed"] else said


def _tested(row: dict[str, Any]) -> str:
    if pd.isna(row.get("test_mean")):
        return "–"
    interval = _interval_note(Interval(row["test_low"], row["test_high"]))
    return f"{percent(row['test_mean'])}{interval} (n = {int(row['test_n'])})"
