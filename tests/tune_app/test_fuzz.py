"""Whatever is typed or lies in a file is read, or answered in the product's own words."""

import functools
import json
import os
import re
import socket
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.record.record import RecordError, read_record
from analysis.record.status import TrialStatus
from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.toml_file import SpaceError, read_space
from search_spaces.registry import SPACES
from tests.fuzzing import damage, damaged, examples, outcome
from tests.tune_app.workload import plan_of, some_trials
from trainables.files.sealed import write_sealed
from tune_app.command.command_line import parse_options
from tune_app.command.errors import UsageError
from tune_app.command.option_parsers import ParseError, duration
from tune_app.command.options import RunOptions
from tune_app.deciding.optuna_search import point_of
from tune_app.engine.gpu_share import ShareCache, ShareMeasurement
from tune_app.machine.resources import TrialResources
from tune_app.machine.running_studies import RunningStudy, running_studies
from tune_app.planning.identity import study_difference
from tune_app.planning.plan import make_plan
from tune_app.preview.progress import read_progress
from tune_app.preview.speed_cache import CACHE_FILE, load_speeds
from tune_app.record.history import History, best_on_record
from tune_app.record.lease import Holder, Lease, LeaseHeldError
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import StudyName, read_information, stored_name
from tune_app.study.resume import missing_ends
from tune_app.study.storage_owner import OWNER, is_copy

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "before_rooms"
SPEEDS = {socket.gethostname(): {"slots": 2, "image_seconds": {"1000": 0.5}}}
LEASE_OF_ANOTHER = msgspec.json.encode(Holder("token", "far", 1, 0.0, "elsewhere:1", 0.0))
RUNNING = msgspec.json.encode(
    RunningStudy.of_this_process(Path("study"), 2, TrialResources(cpus=1.0))
)
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
        what = f": takes .* got {re.escape(repr(text))}" if text else " is empty: give it a value"
        assert re.match(flag + what, refused.problems[0])
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
    write_sealed(folder / CACHE_FILE, SPEEDS)
    whole = (folder / CACHE_FILE).read_bytes()
    assert load_speeds(folder) == ({1000.0: 0.5}, 2)
    (folder / CACHE_FILE).write_bytes(damaged(whole, places))
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


PLANNED = [
    json.loads(line)
    for line in (FIXTURES / "before_rooms" / "ledger.jsonl").read_text("utf-8").splitlines()
]
odd_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3),
    st.just([]), st.just({"a": 1}), st.just(2**70), st.just("7"), st.just(0),
)  # fmt: skip


@given(st.data())
@examples(40)
def test_a_ledger_that_somebody_edited_is_read_or_its_line_is_damage(folder, data):
    """What the search, Optuna's past and a plan read of it."""
    rows = [dict(row) for row in PLANNED]
    planned = [row for row in rows if row["type"] == "trial"]
    for row in data.draw(st.lists(st.sampled_from(planned), min_size=1, max_size=4)):
        key = data.draw(st.sampled_from([*row["config"], "nonsense"]))
        row["config"] = {**row["config"], key: data.draw(odd_values)}
        if data.draw(st.booleans()):
            del row["config"][key]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "edited").mkdir(exist_ok=True)
    (folder / "edited" / "ledger.jsonl").write_text(text, encoding="utf-8")
    record = read_record(folder / "edited")
    assert len(record.rows) + len(record.damage) == len(rows)
    history = History(record.rows)
    accuracy, _ = best_on_record(history)
    assert 0 <= accuracy <= 1
    missing_ends(history, 0.0)
    options = RunOptions(
        space="quickstart", search="optuna", num_samples=2, results_dir=folder, name="edited"
    )
    plan = plan_once("quickstart")
    for trial in history.trials.values():
        if trial.planned:
            values = point_of(plan, trial.planned)
            assert values is None or values.keys() <= plan.space.keys.keys()
    assert set(read_progress(plan, options).statuses.values()) <= set(TrialStatus)


@functools.cache
def plan_once(name):
    return make_plan(RunOptions(space=name, search="optuna", num_samples=2), SPACES[name])


@given(
    st.binary(max_size=40)
    | damage.map(lambda places: damaged(json.dumps({"folder": "/elsewhere"}).encode(), places))
    | odd_values.map(lambda value: json.dumps({"folder": value}).encode())
)
@examples(40)
def test_a_damaged_owner_of_a_storage_is_nobody(folder, content):
    place = folder / "storage" / "study-1"
    place.mkdir(parents=True, exist_ok=True)
    (place / OWNER).write_bytes(content)
    paths = StudyPaths(folder / "owned")
    paths.folder.mkdir(exist_ok=True)
    assert is_copy(str(folder / "storage"), StudyName("1", "study-1"), paths) is False


@given(damage)
@examples(40)
def test_a_damaged_memory_of_shares_is_measured_again(folder, places):
    memory = ShareCache(folder / ".gpu_shares.json")
    memory.put("card", 0.25, [ShareMeasurement(4, 100.0, 1)])
    whole = memory.path.read_bytes()
    memory.path.write_bytes(damaged(whole, places))
    assert memory.get("card") in (None, 0.25)


@given(st.binary(max_size=60) | damage.map(lambda places: damaged(RUNNING, places)))
@examples(40)
def test_a_damaged_note_of_a_running_study_counts_for_nothing(tmp_path_factory, content):
    here = tmp_path_factory.mktemp("run")
    (here / "ranktune").mkdir(mode=0o700)
    (here / "ranktune" / "1-2.json").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(here))
        assert all(one.trials >= 0 for one in running_studies())
