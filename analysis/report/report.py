"""A study's report: one page without external links, the same as Markdown, and pictures."""

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
from trainables.text.markdown import markdown
from trainables.text.moment import format_moment

if TYPE_CHECKING:
    from analysis.study.study import Study

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("vega-6.2.0", "vega-lite-6.4.1", "vega-embed-7.0.2")
"""The scripts that draw charts in a page, in the order of their dependencies."""

MANY_MARKS = 1_500
"""Above this number of data rows a chart is drawn on a canvas, because SVG would be slow."""
MOST_ERRORS = 20
"""Failed trials whose errors are printed in full."""


def write_report(study: Study, pictures: Pictures | None = None) -> Path:
    """Writes ``report.html`` and ``report.md`` into the study folder, and by ``pictures`` figures.

    Every state of a study has a report, which gives a reason for everything that is missing. After
    the report of a confirmation, that of its study is written again, since it shows the test
    results.
    """
    folder = study.folder / FIGURES
    charts: list[Drawn | Missing] = []
    if pictures:
        _remove_pictures(folder)
    for chart in draw_all(study):
        charts.append(chart)
        if pictures and isinstance(chart, Drawn):
            spec = standalone(chart.spec, chart.title, chart.caption, study.name)
            pictures.ask(spec, folder / chart.name)
    values = content(study, charts)
    _write(
        study.folder / MARKDOWN,
        _template("report.md", escape=False).render(values, pictures=bool(pictures)),
    )
    path = study.folder / REPORT
    _write(path, _page(study, charts, values))
    _write_original(study, pictures)
    return path


def _write_original(study: Study, pictures: Pictures | None) -> None:
    folder = original_folder(study)
    if folder is not None:
        try:
            write_report(load_study(folder), pictures)
        except (
            RecordError,
            TableError,
            OSError,
        ) as problem:  # only the named study's report was requested
            logging.getLogger(__name__).warning("no report of %s: %s", folder, problem)


def _remove_pictures(folder: Path) -> None:
    """Removes pictures of an earlier state of the study; other files in the folder stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (".png", ".svg") and path.stem in (*CHARTS, *FORMER_NAMES):
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Replaces the file atomically: a browser may be reading it."""
    write_whole(path, text)


def _template(name: str, *, escape: bool) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = markdown
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
        css=_markup((PAGE / "report.css").read_text(encoding="utf-8")),
        script=_markup((PAGE / "report.js").read_text(encoding="utf-8")),
        vega=[_markup(path.read_text(encoding="utf-8")) for path in scripts],
        data=_markup(_json(_data(study, drawn))),
    )


def _markup(text: str) -> Any:
    """Trusted text, which goes into the page without escaping."""
    return markupsafe.Markup(text)


def _json(value: Any) -> str:
    """JSON that is safe inside a script element."""
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


# ---- data for the page's script


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
    """Each trial's accuracies by epoch, in hundredths of a per cent to keep the page small."""
    epochs = study.epochs
    column = "val_accuracy" if epochs["val_accuracy"].notna().any() else "train_accuracy"
    values = (epochs[column] * 1e4).round()
    curves: dict[str, list[int | None]] = {}
    for trial, epoch, value in zip(epochs["trial_id"], epochs["epoch"], values, strict=True):
        curve = curves.setdefault(trial, [])
        curve += [None] * (epoch - 1 - len(curve))
        curve.append(None if pd.isna(value) else int(value))
    return curves
