"""``python -m analysis``: plain output, one clear message and exit code 2 for wrong use."""

import json
import re
import subprocess
import sys

import pytest

from analysis.__main__ import main
from analysis.charts.registry import CHARTS
from tests.analysis.studies import one, twelve
from trainables.files.study_folder import LEDGER


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_status_list_and_show_are_plain_and_narrow(run, study_folder):
    results = study_folder("twelve").parent
    for arguments in (
        ("status", study_folder("half_done")),
        ("list", "--results-dir", results),
        ("show", study_folder("twelve"), "separable-756k-seed0"),
        ("compare", study_folder("twelve"), study_folder("one_seed")),
    ):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        body = [line for line in out.splitlines() if not line.startswith(("a: ", "b: "))]
        assert max(map(len, body)) <= 80


def test_json_is_one_object(run, study_folder):
    twelve_folder = study_folder("twelve")
    for arguments in (
        ("status", twelve_folder),
        ("list", "--results-dir", twelve_folder.parent),
        ("show", twelve_folder, "separable-756k-seed0"),
        ("compare", twelve_folder, study_folder("one_seed")),
    ):
        code, out, _ = run(*arguments, "--json")
        assert code == 0
        assert json.loads(out)


def test_the_study_last_written_to_is_meant_where_none_is_named(run, tmp_path):
    twelve(tmp_path / "mine")
    assert run("status", "--results-dir", tmp_path)[1].startswith("mine: complete")
    code, _, err = run("status", "--results-dir", tmp_path / "mine")
    assert (code, "no studies in" in err) == (2, True)


def test_export_writes_to_stdout_and_to_files(run, study_folder, tmp_path):
    code, out, _ = run("export", study_folder("twelve"), "--format", "csv")
    assert (code, len(out.splitlines())) == (0, 13)
    run("export", study_folder("twelve"), "--format", "parquet", "--out", tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size > 1000
    assert run("export", study_folder("twelve"), "--out", tmp_path / "T.JSON")[0] == 0
    assert len(json.loads((tmp_path / "T.JSON").read_text())) == 12


def test_figures_writes_the_charts_asked_for_or_all_that_show_something(
    run, study_folder, tmp_path
):
    code, out, err = run("figures", study_folder("twelve"), "slots", "curves", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert out.split() == [str(tmp_path / "slots.pdf"), str(tmp_path / "curves.pdf")]
    assert (tmp_path / "slots.pdf").read_bytes().startswith(b"%PDF")
    code, out, _ = run("figures", study_folder("one"), "--format", "svg", "--out", tmp_path / "all")
    drawn = {path.stem for path in (tmp_path / "all").glob("*.svg")}
    missing = set(re.findall(r"^no (\w+): [A-Z]", out, re.MULTILINE))
    assert code == 0
    assert {"accuracy_by_parameters", "curves"} <= drawn
    assert drawn | missing == set(CHARTS)
    assert not drawn & missing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "{tmp}/nowhere"], r"nowhere is no folder; name a study folder"),
        (["status", "s3://b/study"], r"own command, with its --storage, brings it home"),
        (["status", "{tmp}"], r"is no study: it holds no ledger\.jsonl; name a folder"),
        (["{tmp}/newer"], "was written in format 99, this version reads up to 1"),
        (["status", "{tmp}/odd"], "study.json is no JSON object"),
        (["{tmp}/odder"], "study.json: space must be an object, got 'dense'; restore"),
        (["export", "{study}", "--table", "trails"], "unknown table 'trails': choose from trials"),
        (["export", "{study}", "--format", "xls"], "'xls' is no text: choose from csv, json, md"),
        (["figures", "{study}", "curve"], "unknown chart 'curve'; did you mean 'curves'"),
        (["figures", "{study}", "--format", "gif"], "written as png, svg, pdf, got 'gif'"),
        (["figures", "{study}", "rungs"], "rungs of twelve: No scheduler stopped a trial"),
        (["show", "{study}", "nobody"], "has no trial 'nobody'; it has dense"),
        (["show", "nobody", "{study}"], "has no trial 'nobody'; it has dense"),  # as before
        (["best", "--out", "{tmp}/best", "{study}"], "holds no checkpoint"),
        (
            ["best", "--out", "{tmp}/b", "{study}", "--max-parameters", "9"],
            "of what has finished the least is ",
        ),
        (["export", "{study}", "--out", "{tmp}/t.xlsx"], "no table is written as 'xlsx'"),
        (["export", "{study}", "--out", "{tmp}/t.csv", "--format", "md"], "say different things"),
        (["compare", "{study}"], "Missing argument 'B'"),
        (["status", "--colour"], "unknown option '--colour'; python"),
    ],
)
def test_wrong_use_gets_one_clear_message_and_exit_code_2(
    run, study_folder, tmp_path, arguments, message
):
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / LEDGER).write_bytes(b'{"type":"opened","format":99,"name":"x","time":1}\n')
    (twelve(tmp_path / "odd") / "study.json").write_text("[1")
    (twelve(tmp_path / "odder") / "study.json").write_text('{"space": "dense"}')
    places = {"tmp": tmp_path, "study": study_folder("twelve")}
    code, out, err = run(*(argument.format(**places) for argument in arguments))
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: .*{message}.*\n", err)


def test_reading_brings_neither_torch_nor_ray(study_folder):
    script = (
        "import sys; from analysis.__main__ import main;"
        f"main(['status', {str(study_folder('twelve'))!r}]);"
        f"main(['export', {str(study_folder('twelve'))!r}, '--table', 'pareto']);"
        f"main(['compare', {str(study_folder('twelve'))!r}, {str(study_folder('seeds'))!r}]);"
        "import analysis.claims.answers, analysis.study.importances, analysis.study.best;"
        "sys.exit(', '.join({'torch', 'ray', 'tensorboardX'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_writes_a_ledger_does_not_wait_for_pandas():
    script = "import sys, analysis.record.record; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_reader_that_stops_early_is_no_error(study_folder):
    command = (
        f"{sys.executable} -m analysis export {study_folder('seeds')} --table epochs | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("trial_id,epoch")
    assert done.stderr == ""


def test_a_study_alone_is_built_again_tables_report_and_answer(run, tmp_path):
    folder = one(tmp_path / "study")
    code, out, err = run(folder)
    assert (code, err) == (0, "")
    for name in ("trials.parquet", "trials.csv", "epochs.parquet", "aliases.csv", "report.html"):
        assert (folder / name).stat().st_size > 0
    assert out.splitlines()[-1].startswith("One seed cannot say which is best: dense")


def test_an_option_is_not_the_value_of_the_one_before_it(run, study_folder):
    code, _, errors = run("figures", study_folder("twelve"), "--out", "--format", "svg")
    assert (code, "--out lacks its value" in errors) == (2, True)


def test_all_wrong_options_are_told_at_once(run):
    code, out, err = run("best", "x", "--max-parameter", "5", "--out", "y", "--foo")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: unknown option '--max-parameter'; did you mean --max-parameters?",
        "error: unknown option '--foo'; python -m analysis best --help lists what there is",
    ]


def test_a_command_after_its_study_is_told_in_the_right_order(run, study_folder):
    folder = study_folder("twelve")
    code, out, err = run(folder, "status", "--json")
    assert (code, out) == (2, "")
    assert err == f"error: the command comes first: python -m analysis status {folder} --json\n"
    code, _, err = run("status", folder, "tomorrow")
    assert (code, "unknown argument 'tomorrow'; python -m analysis status --help" in err) == (
        2,
        True,
    )


def test_a_mistyped_command_is_no_study(run):
    code, out, err = run("staus", "results/mine")
    assert (code, out) == (2, "")
    assert err == "error: no command or study folder 'staus'; did you mean status?\n"


def test_show_says_what_it_wants_of_a_study(run, study_folder):
    code, _, err = run("show", study_folder("twelve"))
    assert code == 2
    assert err.startswith("error: show needs a trial: ")


@pytest.mark.parametrize("command", ["best", "figures"])
def test_a_folder_that_cannot_be_made_is_told_beside_what_else_is_wrong(run, study_folder, command):
    study = study_folder("twelve")
    code, _, err = run(command, study, "--out", study / LEDGER / "x", "--wide")
    assert (code, len(err.splitlines())) == (2, 2)
    assert f"{LEDGER} is no folder; name another with --out" in err


def test_an_argument_too_many_is_likened_to_no_argument(run, study_folder):
    _, _, err = run("compare", study_folder("twelve"), "a", "b")
    assert "unknown argument 'b'; python -m analysis compare --help" in err
