"""A study's report: one page that needs no network, a Markdown twin, pictures beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from analysis.best_by_size import best_at_each_size, train_command
from analysis.charts import theme
from analysis.charts.figure import VEGA_LITE, standalone
from analysis.charts.judged import measure
from analysis.charts.labels import percent
from analysis.charts.pictures import Pictures
from analysis.charts.registry import CHARTS
from analysis.drawn import Drawn, Missing, draw_all
from analysis.provenance import duration, provenance
from analysis.statistics.answers import answer, claims
from analysis.trial_table import trial_table
from analysis.vega import vega_bundle

if TYPE_CHECKING:
    from analysis.study import Study

PAGE = Path(__file__).with_name("page")
REPORT, MARKDOWN, FIGURES = "report.html", "report.md", "figures"

VERDICTS = {"shown": "Shown", "not_shown": "Not shown", "cannot_say": "Cannot say"}
WIDE = ("accuracy_by_parameters", "heat_map", "isolation", "parallel", "slots")
"""Charts that take the whole width of a page."""
MANY_MARKS = 1_500
"""Above this many rows of data a chart is drawn on a canvas: as an SVG it would be slow."""
MOST_ERRORS = 20
"""Failed trials whose errors are printed in full."""
COMMAND = "python -m trainables train"


def write_report(study: Study, *, figures: bool = True) -> Path:
    """Writes ``report.html``, ``report.md`` and ``figures/`` into the study folder.

    Every state of a study gives a report: where something cannot be said or drawn, it says why.
    """
    folder = study.folder / FIGURES
    charts: list[Drawn | Missing] = []
    with Pictures(VEGA_LITE) as pictures:
        if figures:
            _clear(folder)
        for chart in draw_all(study):
            charts.append(chart)
            if figures and isinstance(chart, Drawn):
                spec = standalone(chart.spec, chart.title, chart.caption, study.name)
                pictures.ask(spec, folder / chart.name)
        content = _content(study, charts)
        _write(study.folder / MARKDOWN, _template("report.md", escape=False).render(content))
        path = study.folder / REPORT
        _write(path, _page(study, charts, content))
    return path


def _clear(folder: Path) -> None:
    """Takes away pictures of an earlier state of the study; other files in the folder stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (".png", ".svg") and path.stem in CHARTS:
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a reader may have the page open."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _template(name: str, *, escape: bool) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def _page(study: Study, charts: list[Drawn | Missing], content: dict[str, Any]) -> str:
    columns, rows = trial_table(study)
    drawn = any(isinstance(chart, Drawn) for chart in charts)
    return _template("report.html", escape=True).render(
        content,
        columns=columns,
        rows=rows,
        example=_example({column.name for column in columns}, study),
        failures=_failures(study.trials),
        written=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        css=_safe((PAGE / "report.css").read_text(encoding="utf-8")),
        script=_safe((PAGE / "report.js").read_text(encoding="utf-8")),
        vega=_safe(vega_bundle() if drawn else ""),
        data=_safe(_json(_data(study, [chart for chart in charts if isinstance(chart, Drawn)]))),
    )


def _safe(text: str) -> Any:
    """Text of our own that goes into the page as it is."""
    import markupsafe

    return markupsafe.Markup(text)


def _json(value: Any) -> str:
    """JSON that may stand within a script element, whatever words it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c")


# ---- what the page and its Markdown twin say


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


def _content(study: Study, charts: list[Drawn | Missing]) -> dict[str, Any]:
    said = answer(study)
    best = best_at_each_size(study)
    shown = [
        {**asdict(chart), "wide": chart.name in WIDE}
        for chart in charts
        if isinstance(chart, Drawn)
    ]
    return {
        "name": study.name,
        "question": study.question,
        "held": study.held,
        "warnings": _warnings(study),
        "answer": said,
        "claims": [claim for claim in claims(study) if claim.words != said.words],
        "verdicts": VERDICTS,
        "facts": _facts(study, best),
        "measure": measure(study),
        "best": [_best_row(study, row) for row in best.to_dict("records")],
        "tested": "test_mean" in best and bool(best["test_mean"].notna().any()),
        "charts": shown,
        "missing": [chart for chart in charts if isinstance(chart, Missing)],
        "provenance": provenance(study),
    }


def _warnings(study: Study) -> list[Caution]:
    found = []
    if study.metric == "test_accuracy":
        text = (
            "No image was held out for validation: every accuracy here is on the TEST SET, and so"
            " was every choice. Such numbers are too good; do not compare them with confirmed ones."
        )
        found.append(Caution("Judged on the test set.", text))
    protocols = sorted(set(study.trials["protocol"].dropna()) - {"right"})
    if protocols:
        text = (
            f"Trials follow the protocol {', '.join(protocols)}, which repeats faults of the"
            " original study on purpose. They say what that study saw, not what networks can do."
        )
        found.append(Caution("Not the right protocol.", text))
    if len(study.damage):
        text = f"{len(study.damage)} lines of the ledger could not be read and were left out."
        found.append(Caution("Damaged record.", text))
    return found


def _facts(study: Study, best: pd.DataFrame) -> list[Fact]:
    trials = study.trials
    done = int((trials["status"] == "finished").sum())
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
        "command": train_command(trial.to_dict(), _data_dir(study)),
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


def _data_dir(study: Study) -> str | None:
    given = (study.info.get("options") or {}).get("data_dir")
    return str(given) if given else None


def _failures(trials: pd.DataFrame) -> list[dict[str, str]]:
    failed = trials[trials["error"].notna() & (trials["status"] != "finished")].head(MOST_ERRORS)
    return [
        {"trial_id": row.trial_id, "kind": row.error_kind or "", "error": row.error}
        for row in failed[["trial_id", "error_kind", "error"]].itertuples()
    ]


def _example(names: set[str], study: Study) -> str:
    layers = study.trials["layer"].dropna()
    first = layers.iloc[0] if len(layers) else ""
    return f"{first} accuracy>90% parameters<500k" if "accuracy" in names else f"{first} finished"


# ---- what the page's script needs


def _data(study: Study, drawn: list[Drawn]) -> dict[str, Any]:
    trials = study.trials.to_dict("records")
    directory = _data_dir(study)
    commands = {
        row["trial_id"]: train_command(row, directory).removeprefix(COMMAND) for row in trials
    }
    return {
        "charts": {chart.name: chart.spec for chart in drawn},
        "canvas": [chart.name for chart in drawn if _marks(chart.spec) > MANY_MARKS],
        "signals": {
            chart.name: [p["name"] for p in chart.spec.get("params", [])] for chart in drawn
        },
        "config": theme.CONFIG,
        "dark": theme.DARK,
        "command": COMMAND,
        "commands": commands,
        "curves": _curves(study),
    }


def _marks(spec: dict[str, Any]) -> int:
    return sum(len(rows) for rows in spec["datasets"].values())


def _curves(study: Study) -> dict[str, list[int | None]]:
    """Each trial's accuracy after epoch 1, 2, …, in hundredths of a per cent: small in a page."""
    epochs = study.epochs
    column = "val_accuracy" if epochs["val_accuracy"].notna().any() else "train_accuracy"
    values = (epochs[column] * 1e4).round()
    curves: dict[str, list[int | None]] = {}
    for trial, epoch, value in zip(epochs["trial_id"], epochs["epoch"], values, strict=True):
        curve = curves.setdefault(trial, [])
        curve += [None] * (epoch - 1 - len(curve))
        curve.append(None if pd.isna(value) else int(value))
    return curves
