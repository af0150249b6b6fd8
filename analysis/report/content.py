"""What a report says, page and Markdown alike: the words and numbers that its templates take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from analysis.charts import theme
from analysis.charts.labels import percent
from analysis.charts.metric_label import measure
from analysis.claims.answers import answer, claims
from analysis.record.status import TrialStatus
from analysis.report.provenance import duration, provenance
from analysis.report.rendered import Drawn, Missing
from analysis.study.best_by_size import best_at_each_size, train_command
from analysis.study.confirmation import confirmation_folder, is_confirmation, original_folder

if TYPE_CHECKING:
    from analysis.study.study import Study

REPORT, MARKDOWN = "report.html", "report.md"

VERDICTS = {"shown": "Shown", "not_shown": "Not shown", "cannot_say": "Cannot say"}
WIDE = ("accuracy_by_parameters", "heat_map", "isolation", "parallel", "slots")
"""Charts that take the whole width of a page."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that stands at the top."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader must know before any number."""

    head: str
    text: str


def content(study: Study, charts: list[Drawn | Missing]) -> dict[str, Any]:
    """Everything that both templates name."""
    said = answer(study)
    best = best_at_each_size(study)
    return {
        "name": study.name,
        "question": study.question,
        "held": study.held,
        "original": _beside(original_folder(study)),
        "confirmation": _beside(confirmation_folder(study)),
        "warnings": _warnings(study),
        "answer": said,
        "claims": [claim for claim in claims(study) if claim.words != said.words],
        "verdicts": VERDICTS,
        "facts": _facts(study, best),
        "measure": measure(study),
        "best": [_best_row(study, row) for row in best.to_dict("records")],
        "tested": "test_mean" in best and bool(best["test_mean"].notna().any()),
        "charts": [chart for chart in charts if isinstance(chart, Drawn)],
        "wide": WIDE,
        "missing": [chart for chart in charts if isinstance(chart, Missing)],
        "provenance": provenance(study),
    }


def _beside(folder: Path | None) -> dict[str, str] | None:
    """Another study's name, and where its folder is from this one's page, if it has a page."""
    if folder is None or not (folder / REPORT).is_file():
        return None
    return {"name": folder.name, "at": f"../{quote(folder.name)}"}


def _warnings(study: Study) -> list[Caution]:
    found = []
    if is_confirmation(study):
        text = (
            "Every accuracy here is on the TEST SET, after training on all images with fresh seeds."
            " The networks were chosen before, on validation images. A choice among them by these"
            " numbers would need images that nobody has seen."
        )
        found.append(Caution("A confirmation.", text))
    elif study.metric == "test_accuracy":
        text = (
            "No image was held out for validation: every accuracy here is on the TEST SET, and so"
            " was every choice. Such numbers are too good; do not compare them with confirmed ones."
        )
        found.append(Caution("Judged on the test set.", text))
    protocols = sorted(set(study.trials["protocol"].dropna()) - {"corrected"})
    if protocols:
        text = (
            f"Trials follow the protocol {', '.join(protocols)}, which repeats faults of the"
            " original study on purpose. They say what that study saw, not what networks can do."
        )
        found.append(Caution("Not the corrected protocol.", text))
    if len(study.damage):
        text = f"{len(study.damage)} lines of the ledger could not be read and were left out."
        found.append(Caution("Damaged record.", text))
    return found


def _facts(study: Study, best: pd.DataFrame) -> list[Fact]:
    trials = study.trials
    done = int((trials["status"] == TrialStatus.FINISHED).sum())
    others = trials["status"].value_counts().drop("finished", errors="ignore")
    note = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in others.items())
    facts = [Fact("Finished trials", f"{done:,} of {len(trials):,}", note)]
    if len(best):
        top = best.loc[best["mean"].idxmax()]
        facts.append(Fact(f"Best {measure(study)}", percent(top["mean"]), str(top["label"])))
        size = f"{int(top['parameters']):,}"
        facts.append(Fact("Its parameters", size, f"{percent(top['compression'])} of dense"))
    seconds = float(trials["train_seconds"].sum()) if len(trials) else 0.0
    facts.append(Fact("Training time", duration(seconds), "summed over all trials"))
    return facts


def _best_row(study: Study, row: dict[str, Any]) -> dict[str, Any]:
    colour = theme.styles([row["layer"]])[row["layer"]].colour
    trial = study.trials.loc[study.trials["trial_id"] == row["trial_id"]].iloc[0]
    return {
        "size": f"{_count(row['from_size'])} – {_count(row['to_size'])}",
        "label": row["label"],
        "colour": colour,
        "dark": theme.DARK[colour],
        "parameters": f"{int(row['parameters']):,}",
        "compression": percent(row["compression"]),
        "accuracy": percent(row["mean"]),
        "interval": _interval(row["mean"], row["low"]),
        "runs": int(row["n"]),
        "probability": _probability(row["probability"]),
        "test": _tested(row),
        "command": train_command(trial.to_dict(), data_dir(study)),
    }


def _interval(mean: float, low: float) -> str:
    return "" if pd.isna(low) else f"± {100 * (mean - low):.2f}"


def _probability(value: float) -> str:
    return "–" if pd.isna(value) else "> 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _tested(row: dict[str, Any]) -> str:
    if pd.isna(row.get("test_mean")):
        return "–"
    interval = _interval(row["test_mean"], row["test_low"])
    return f"{percent(row['test_mean'])} {interval} (n = {int(row['test_n'])})"


def _count(size: float) -> str:
    for unit, divisor in (("M", 1_000_000), ("k", 1_000)):
        if size >= divisor:
            return f"{size / divisor:g}{unit}"
    return f"{size:g}"


def data_dir(study: Study) -> str | None:
    """The data folder that the study was run with; None where none was named."""
    given = (study.info.get("options") or {}).get("data_dir")
    return str(given) if given else None
