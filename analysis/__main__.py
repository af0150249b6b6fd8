"""``python -m analysis``: reads studies; needs neither Ray nor torch."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from analysis.study.study import write_study_tables
from trainables.config.installation import command_line

HELP = (
    "Reads studies that a search wrote, running or finished.\n\n"
    f"{command_line('analysis')} STUDY rebuilds a study's tables and its report."
)
RESULTS = Path("results")

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Results = Annotated[Path, typer.Option(help="Where studies lie.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
AnyStudy = Annotated[
    Path | None,
    typer.Argument(metavar="[STUDY]", help="A study folder; else the one last written to."),
]


@app.command()
def build(study: Folder) -> None:
    """Rebuild the tables and the report from the ledger (also without the word build)."""
    from analysis.charts.pictures import Pictures

    with Pictures() as pictures:  # its engine starts while the rest is imported
        from analysis.claims.answers import answer
        from analysis.report.report import write_report
        from analysis.study.study import load_study

        ours = load_study(study, rebuild=True)
        for path in (*write_study_tables(ours), write_report(ours, pictures)):
            _say(str(path))
        words = answer(ours).words
    _say(words)


@app.command()
def status(study: AnyStudy = None, results_dir: Results = RESULTS, as_json: AsJson = False) -> None:
    """How a study stands: counts, best, rate, time left, failures by kind."""
    from analysis.commands.terminal import status_text
    from analysis.study.status import study_status
    from analysis.study.study import load_study

    now = study_status(load_study(_chosen(study, results_dir)))
    _say(json.dumps(now.to_dict(), indent=2) if as_json else status_text(now))


@app.command("list")
def list_studies(results_dir: Results = RESULTS, as_json: AsJson = False) -> None:
    """Every study in a results folder."""
    from analysis.commands.terminal import studies_text
    from analysis.study.status import studies_frame

    frame = studies_frame(results_dir)
    if not as_json and not len(frame):
        _say(f"no studies in {results_dir}; --results-dir names another folder")
        return
    _say(_json(frame.to_dict("records")) if as_json else studies_text(frame))


@app.command()
def show(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id or a part of it.")],
    study: AnyStudy = None,
    results_dir: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """One trial: how it stands, its configuration, its epochs, its errors."""
    from analysis.commands.terminal import trial_record, trial_text
    from analysis.study.status import find_trial, study_of
    from analysis.study.study import load_study

    ours = load_study(study) if study else study_of(trial, results_dir)
    row = find_trial(ours, trial)
    _say(_json(trial_record(ours, row)) if as_json else trial_text(ours, row))


@app.command()
def best(
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new or empty folder.")],
    study: AnyStudy = None,
    max_parameters: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The best of networks so small.")
    ] = None,
    results_dir: Results = RESULTS,
) -> None:
    """Copy the best trial's checkpoint and configuration into a folder."""
    from analysis.study.best_checkpoint import copy_best
    from analysis.study.study import load_study

    ours = load_study(_chosen(study, results_dir))
    _say(f"{copy_best(ours, to, max_parameters)} -> {to}")


@app.command()
def export(
    studies: Annotated[list[Path], typer.Argument(metavar="STUDY…", help="Study folders.")],
    kind: Annotated[
        str, typer.Option("--format", metavar="csv|parquet|json|md", help="What to write.")
    ] = "csv",
    table: Annotated[
        str, typer.Option(help="Which table: trials, epochs, replicates, …")
    ] = "trials",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Else to stdout.")] = None,
) -> None:
    """Write a table of one or several studies for another program."""
    from analysis.study.export import export_frame, export_text, write_export
    from analysis.study.study import load_study

    frame = export_frame([load_study(folder) for folder in studies], table)
    if to is None:
        sys.stdout.write(export_text(frame, kind))
    else:
        write_export(frame, kind, to)
        _say(f"{len(frame)} rows -> {to}")


@app.command()
def figures(
    study: Folder,
    charts: Annotated[
        list[str] | None, typer.Argument(metavar="CHART…", help="Which; else all.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", metavar="pdf|svg|png", help="What to write.")
    ] = "pdf",
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Else the study's own figures folder.")
    ] = None,
) -> None:
    """Write charts for a paper, with title and caption."""
    from analysis.report.rendered import write_figures
    from analysis.report.report import FIGURES
    from analysis.study.study import load_study

    ours = load_study(study)
    for written in write_figures(ours, charts or [], kind, to or study / FIGURES):
        _say(str(written) if isinstance(written, Path) else f"no {written.name}: {written.reason}")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A study folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Two studies: what they share, how their results differ, what else differs."""
    from analysis.commands.terminal import comparison_text
    from analysis.study.compare import compare as compared
    from analysis.study.compare import differences
    from analysis.study.study import load_study

    ours, theirs = load_study(a), load_study(b)
    frame, other = compared(ours, theirs), differences(ours, theirs)
    if as_json:
        both = {"configurations": frame.to_dict("records"), "differences": other.to_dict("records")}
        _say(_json(both))
    else:
        _say(comparison_text(ours, theirs, frame, other))


@app.command()
def tensorboard(study: Folder) -> None:
    """Rebuild what tensorboard --logdir STUDY/tensorboard shows."""
    from analysis.study.study import load_study
    from analysis.tensorboard.writer import write_tensorboard

    _say(str(write_tensorboard(load_study(study))))


def _chosen(study: Path | None, results: Path) -> Path:
    from analysis.record.record import RecordError
    from analysis.study.status import find_studies

    if study is not None:
        return study
    found = find_studies(results)
    if not found:
        raise RecordError(f"no studies in {results}; name a study folder, or --results-dir")
    return found[0]


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def _json(value: Any) -> str:
    return json.dumps(_plain(value), indent=2)


def _plain(value: Any) -> Any:
    """What JSON knows; what is missing or not finite is null."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _commands(arguments: Sequence[str]) -> list[str]:
    """``STUDY`` alone means ``build STUDY``."""
    names = set(get_command(app).commands)  # type: ignore[attr-defined]
    arguments = list(arguments)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in names:
        return ["build", *arguments]
    return arguments


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0, or 2 with one clear message where something was asked wrongly."""
    run: Callable[..., Any] = get_command(app).main
    try:
        result = run(
            _commands(arguments), prog_name=command_line("analysis"), standalone_mode=False
        )
    except BrokenPipeError:  # the reader, head say, had enough
        sys.stderr.close()
        return 0
    except Exception as problem:
        text = _message(problem)
        if text is None:
            raise
        print(f"error: {text}", file=sys.stderr)
        return 2
    return result if isinstance(result, int) else 0


def _message(problem: Exception) -> str | None:
    """What to say of wrong use; None for faults of the program."""
    from analysis.charts.chart import FigureError
    from analysis.record.record import RecordError
    from analysis.record.tables import TableError

    if hasattr(problem, "format_message"):  # a usage error, whichever click typer brings
        return str(problem.format_message())
    expected = (RecordError, TableError, FigureError, OSError)
    return str(problem) if isinstance(problem, expected) else None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
