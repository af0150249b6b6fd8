"""A study's report: one page that needs no network, a Markdown twin, pictures beside it."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe
import pandas as pd

from analysis.charts import theme
from analysis.charts.figure import FORMER_NAMES, standalone
from analysis.charts.pictures import Pictures
from analysis.charts.registry import CHARTS
from analysis.record.record import RecordError
from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.report.content import content
from analysis.report.rendered import Drawn, Missing, draw_all
from analysis.report.train_command import PROGRAM, train_commands
from analysis.report.trial_table import trial_table
from analysis.study.confirmation import original_folder
from analysis.study.study import load_study
from trainables.config.installation import command_line
from trainables.files.study_folder import FIGURES, MARKDOWN, REPORT
from trainables.files.whole_file import write_whole
from trainables.text.moment import format_moment

if TYPE_CHECKING:
    from analysis.study.study import Study

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("vega-6.2.0", "vega-lite-6.4.1", "vega-embed-7.0.2")
"""What draws the charts in a page, in the order in which they need each other."""

MANY_MARKS = 1_500
"""Above this many rows of data a chart is drawn on a canvas: as an SVG it would be slow."""
MOST_ERRORS = 20
"""Failed trials whose errors are printed in full."""


def write_report(study: Study, pictures: Pictures | None = None) -> Path:
    """Writes ``report.html`` and ``report.md`` into the study folder, and by ``pictures`` figures.

    Every state of a study gives a report: where something cannot be said or drawn, it says why. The
    report of a confirmation has that of the study it confirms written anew, which shows its tests.
    """
    folder = study.folder / FIGURES
    charts: list[Drawn | Missing] = []
    if pictures:
        _clear(folder)
    for chart in draw_all(study):
        charts.append(chart)
        if pictures and isinstance(chart, Drawn):
            spec = standalone(chart.spec, chart.title, chart.caption, study.name)
            pictures.ask(spec, folder / chart.name)
    said = content(study, charts)
    _write(
        study.folder / MARKDOWN,
        _template("report.md", escape=False).render(said, pictures=bool(pictures)),
    )
    path = study.folder / REPORT
    _write(path, _page(study, charts, said))
    _write_original(study, pictures)
    return path


def _write_original(study: Study, pictures: Pictures | None) -> None:
    folder = original_folder(study)
    if folder is not None:
        try:
            write_report(load_study(folder), pictures)
        except (RecordError, TableError, OSError) as problem:  # it is not what was asked for
            logging.getLogger(__name__).warning("no report of %s: %s", folder, problem)


def _clear(folder: Path) -> None:
    """Takes away pictures of an earlier state of the study; other files in the folder stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (".png", ".svg") and path.stem in (*CHARTS, *FORMER_NAMES):
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a reader may have the page open."""
    write_whole(path, text)


def _template(name: str, *, escape: bool) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def _page(study: Study, charts: list[Drawn | Missing], said: dict[str, Any]) -> str:
    columns, rows = trial_table(study)
    drawn = [chart for chart in charts if isinstance(chart, Drawn)]
    scripts = [PAGE / "vega" / f"{name}.min.js" for name in SCRIPTS] if drawn else []
    return _template("report.html", escape=True).render(
        said,
        columns=columns,
        rows=rows,
        example=_example({column.name for column in columns}, study),
        failures=_failures(study.trials),
        written=format_moment(time.time()),
        css=_safe((PAGE / "report.css").read_text(encoding="utf-8")),
        script=_safe((PAGE / "report.js").read_text(encoding="utf-8")),
        vega=[_safe(path.read_text(encoding="utf-8")) for path in scripts],
        data=_safe(_json(_data(study, drawn))),
    )


def _safe(text: str) -> Any:
    """Text of our own that goes into the page as it is."""
    return markupsafe.Markup(text)


def _json(value: Any) -> str:
    """JSON that may stand within a script element, whatever words it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c")


def _failures(trials: pd.DataFrame) -> list[dict[str, str]]:
    failed = trials[trials["error"].notna() & (trials["status"] != TrialStatus.FINISHED)].head(
        MOST_ERRORS
    )
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
    command = command_line(PROGRAM)
    commands = {name: words.removeprefix(command) for name, words in train_commands(study).items()}
    return {
        "charts": {chart.name: chart.spec for chart in drawn},
        "canvas": [chart.name for chart in drawn if _marks(chart.spec) > MANY_MARKS],
        "signals": {
            chart.name: [p["name"] for p in chart.spec.get("params", [])] for chart in drawn
        },
        "config": theme.CONFIG,
        "dark": theme.DARK,
        "command": command,
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
