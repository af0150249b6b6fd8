"""Whatever is typed or lies in a file is read, or answered in the product's own words."""

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.record.record import RecordError, read_record
from search_spaces.grammar.toml_file import SpaceError, read_space
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.command_line import parse_options
from tune_app.command.errors import UsageError
from tune_app.command.option_parsers import ParseError, duration
from tune_app.command.options import RunOptions
from tune_app.planning.identity import study_difference
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import read_information, stored_name

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "before_rooms"
LEDGER = (FIXTURES / "before_rooms_folder" / "ledger.jsonl").read_bytes()
SPACE = (FIXTURES / "interrupted.toml").read_bytes()

damage = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=5)
words = st.sampled_from(
    [
        "--space",
        "quickstart",
        "--set",
        "rank=4",
        "--seeds",
        "-1",
        "--time-budget",
        "--plan",
        "--json",
    ]
)


values = st.recursive(
    st.none() | st.text(max_size=4),
    lambda inner: (
        st.dictionaries(st.sampled_from(["identity", "options", "id", "fixed", "resolved"]), inner)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=6,
)


def damaged(content: bytes, places) -> bytes:
    for place, new in places:
        start = int(place * len(content))
        content = content[:start] + new + content[start + len(new) :]
    return content


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@given(damage)
@example([(0.5, b"\xff")])
@settings(max_examples=100)
def test_a_damaged_ledger_is_read_and_appended_to(folder, places):
    (folder / "ledger.jsonl").write_bytes(damaged(LEDGER, places))
    try:
        record = read_record(folder)
        Ledger(folder).close()
    except RecordError:
        return
    assert record.rows or record.damage or record.torn


@given(st.one_of(st.binary(max_size=60), values.map(lambda one: json.dumps(one).encode())))
@example(b'{"identity": {"fixed": null, "resolved": []}, "options": 3, "id": []}')
@example(b'{"identity": {"dataset": "digits"}, "options": 3}')
@example(b'{"identity": {"fixed": {"width": []}, "searched": 3, "resolved": {"classes": {}}}}')
@settings(max_examples=150)
def test_any_study_document_is_read_or_made_up_for(folder, content):
    paths = StudyPaths(folder)
    paths.study.write_bytes(content)
    read_information(paths.study)
    stored_name(paths, ())
    study_difference(paths, plan_of(some_trials(1)), RunOptions(space="scripted"))


@given(damage)
@example([(0.0, b"\xef\xbb\xbf")])
@settings(max_examples=100)
def test_a_damaged_space_is_read_or_every_problem_is_named(folder, places):
    (folder / "space.toml").write_bytes(damaged(SPACE, places))
    with contextlib.suppress(SpaceError):
        read_space(folder / "space.toml")


@given(st.lists(st.one_of(words, st.text(max_size=12)), max_size=6))
@settings(max_examples=150)
def test_any_command_line_is_options_or_problems(argv):
    with contextlib.suppress(UsageError, SystemExit):
        assert isinstance(parse_options(argv), RunOptions)


@given(st.text(alphabet="0123456789dhms. ,-", max_size=8))
@example("1h30")
@example("1d12")
@settings(max_examples=200)
def test_a_duration_is_what_it_says_or_is_refused(text):
    seconds = duration()(text)
    assert isinstance(seconds, ParseError) or seconds > 0
    if text[-1:].isdigit() and any(unit in text for unit in "dhms"):
        assert isinstance(seconds, ParseError)
