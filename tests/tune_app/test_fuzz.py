"""Whatever is typed or lies in a file is read, or answered in the product's own words."""

import json
import os
import socket
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.record.record import RecordError, read_record
from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.toml_file import SpaceError, read_space
from tests.fuzzing import damage, damaged, examples, outcome
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.command_line import parse_options
from tune_app.command.errors import UsageError
from tune_app.command.option_parsers import ParseError, duration
from tune_app.command.options import RunOptions
from tune_app.planning.identity import study_difference
from tune_app.preview.speed_cache import MEMORY, load_speeds
from tune_app.record.json_cache import write_cache
from tune_app.record.lease import Holder, Lease, LeaseHeldError
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import read_information, stored_name

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "before_rooms"
SPEEDS = {socket.gethostname(): {"slots": 2, "image_seconds": {"1000": 0.5}}}
LEASE_OF_ANOTHER = msgspec.json.encode(Holder("token", "far", 1, 0.0, "elsewhere:1", 0.0))
LEDGER = (FIXTURES / "before_rooms_folder" / "ledger.jsonl").read_bytes()
SPACE = (FIXTURES / "interrupted.toml").read_bytes()

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


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@given(damage)
@example([(0.5, b"\xff")])
@examples(100)
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
@examples(150)
def test_any_study_document_is_read_or_made_up_for(folder, content):
    paths = StudyPaths(folder / "no_ledger")
    paths.folder.mkdir(exist_ok=True)
    paths.study.write_bytes(content)
    plan, options = plan_of(some_trials(1)), RunOptions(space="scripted")
    document = read_information(paths.study)
    assert (stored_name(paths, ()) is None) == (not document)
    differences = study_difference(paths, plan, options)
    assert all(isinstance(one, str) and one for one in differences)
    if not (document or {}).get("identity"):
        assert differences == []  # nothing is known that could differ


@given(damage)
@example([(0.0, b"\xef\xbb\xbf")])
@examples(100)
def test_a_damaged_space_is_read_or_every_problem_is_named(folder, places):
    (folder / "space.toml").write_bytes(damaged(SPACE, places))
    space, refused = outcome(lambda: read_space(folder / "space.toml"), SpaceError)
    if refused:
        assert refused.problems
        assert all(problem.strip() for problem in refused.problems)
        return
    assert space.name
    assert next(grid_points(space)).keys() <= space.keys.keys()


@given(st.lists(st.one_of(words, st.text(max_size=12)), max_size=6))
@examples(150)
def test_any_command_line_is_options_or_problems(argv):
    options, refused = outcome(lambda: parse_options(argv), UsageError, SystemExit)
    if isinstance(refused, SystemExit):
        assert refused.code == 0
        assert "--help" in argv
    elif refused:
        assert refused.problems
        assert all(problem.strip() for problem in refused.problems)
    else:
        assert options.command.startswith("run_tune.py ")
        assert options.list_spaces or options.space


numbers = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.text(alphabet="0123456789.,_-+eE%infaxdhmsGMB \u0663\uff11\u00b2", max_size=8),
)
COUNTS = {
    "--seeds": "seeds",
    "--max-parameters": "max_parameters",
    "--num-samples": "num_samples",
    "--max-concurrent": "max_concurrent",
    "--search-seed": "search_seed",
    "--max-failures": "max_failures",
}
AMOUNTS = {
    "--max-macs": "max_macs",
    "--cpus-per-trial": "cpus_per_trial",
    "--reduction-factor": "reduction_factor",
    "--time-budget": "time_budget_seconds",
}


@given(st.sampled_from([*COUNTS, *AMOUNTS]), numbers)
@example("--seeds", "1,5")
@example("--cpus-per-trial", "1,5")
@example("--max-macs", "1e400")
@example("--time-budget", "1e3")
@examples(200)
def test_a_number_is_the_one_that_was_typed_or_is_refused(flag, text):
    argv = ["--space=quickstart", f"{flag}={text}"]
    options, refused = outcome(lambda: parse_options(argv), UsageError)
    if refused:
        assert refused.problems[0].startswith(f"{flag}: takes ")
        assert repr(text) in refused.problems[0]
        return
    value = getattr(options, COUNTS.get(flag) or AMOUNTS[flag])
    bare = text.strip().replace(",", "") if len(text) > 4 else text.strip()
    if text.strip()[-1].isdigit() or text.strip()[-1] == ".":
        assert value == (int(bare) if flag in COUNTS else float(bare))


@given(st.binary(max_size=60) | damage.map(lambda places: damaged(LEASE_OF_ANOTHER, places)))
@example(b"")
@examples(60)
def test_a_damaged_lease_holds_the_study_or_nobody(folder, content):
    (folder / "lease.json").write_bytes(content)
    lease = Lease(folder, renew=0.001, stale=0.0)
    entered, held = outcome(lease.__enter__, LeaseHeldError)
    if entered:
        lease.__exit__()
    else:
        assert held.holder.pid != os.getpid()
    (folder / "lease.json").unlink(missing_ok=True)


@given(damage)
@examples(60)
def test_a_damaged_memory_of_speeds_is_forgotten(folder, places):
    write_cache(folder / MEMORY, SPEEDS)
    whole = (folder / MEMORY).read_bytes()
    assert load_speeds(folder) == ({1000.0: 0.5}, 2)
    (folder / MEMORY).write_bytes(damaged(whole, places))
    assert load_speeds(folder) in (({}, 0), ({1000.0: 0.5}, 2))


@given(st.text(alphabet="0123456789dhms. ,-", max_size=8))
@example("1h30")
@example("1d12")
@examples(200)
def test_a_duration_is_what_it_says_or_is_refused(text):
    seconds = duration()(text)
    assert isinstance(seconds, ParseError) or seconds > 0
    if text[-1:].isdigit() and any(unit in text for unit in "dhms"):
        assert isinstance(seconds, ParseError)
