"""A study folder with damaged files: read from what is whole, or refused in a sentence."""

import contextlib
import json

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.record.record import RecordError, read_record
from analysis.record.tables import TABLES
from analysis.report.content import content
from analysis.study.latency import latencies
from analysis.study.study import KINDS, load_study, write_study_tables
from tests.analysis.studies import twelve
from tests.fuzzing import damage, damaged, examples
from trainables.files.study_folder import LEDGER

json_values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["latency", "batch", "median", "trial_id"]), inner)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = twelve(tmp_path_factory.mktemp("study"))
    write_study_tables(load_study(folder))
    return folder


@pytest.fixture(scope="module")
def ours(study):
    return load_study(study)


@given(st.sampled_from(TABLES), damage)
@examples(30)
def test_a_damaged_table_is_made_again_from_the_ledger(study, table, places):
    expected = getattr(load_study(study, rebuild=True).tables, table)
    path = study / f"{table}.parquet"
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, places))
    try:
        pd.testing.assert_frame_equal(getattr(load_study(study).tables, table), expected)
    finally:
        path.write_bytes(whole)


@given(damage)
@example([(0.5, b"\xff")])
@example([(0.3, b"\n\n\n"), (0.6, b"}")])
@examples(30)
def test_a_damaged_ledger_gives_both_its_readers_the_same_trials(tmp_path_factory, study, places):
    folder = tmp_path_factory.mktemp("ledger")
    (folder / LEDGER).write_bytes(damaged((study / LEDGER).read_bytes(), places))
    try:
        planned = {row.trial_id for row in read_record(folder).rows if hasattr(row, "macs")}
    except RecordError:
        with pytest.raises(RecordError):
            load_study(folder)
        return
    assert set(load_study(folder).trials["trial_id"]) >= planned


@given(
    st.one_of(
        json_values.map(lambda value: json.dumps(value).encode()),
        st.binary(max_size=30),
        st.fixed_dictionaries({"latency": json_values, "trial_id": st.just("TRIAL")}).map(
            lambda value: json.dumps(value).encode()
        ),
    )
)
@example(b'{"trial_id": "TRIAL", "latency": [{"batch": 1}]}')
@example(b'{"trial_id": [], "latency": 3}')
@examples(60)
def test_a_damaged_card_is_passed_over(study, ours, content):
    trial = ours.trials["trial_id"].iloc[0]
    (study / "latency").mkdir(exist_ok=True)
    path = study / "latency" / "card.json"
    path.write_bytes(content.replace(b"TRIAL", trial.encode()))
    assert set(latencies(ours)["trial_id"]) <= {trial}


@given(
    json_values
    | st.dictionaries(
        st.sampled_from(["options", "identity", "dataset", "space", "networks", "name", "id"]),
        json_values,
    )
)
@examples(40)
def test_any_study_document_leaves_the_ledger_readable(tmp_path_factory, study, document):
    folder = tmp_path_factory.mktemp("document")
    (folder / LEDGER).write_bytes((study / LEDGER).read_bytes())
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    with contextlib.suppress(RecordError):
        assert len(load_study(folder).trials) == 12


@pytest.mark.parametrize("value", [17, "x", [1], {"a": 1}], ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_an_entry_of_the_study_document_that_is_of_another_kind_is_read_or_named(
    tmp_path, study, name, value
):
    for key in reversed(name.split(".")):
        value = {key: value}
    (tmp_path / LEDGER).write_bytes((study / LEDGER).read_bytes())
    (tmp_path / "study.json").write_text(json.dumps(value), encoding="utf-8")
    try:
        read = load_study(tmp_path)
    except RecordError as problem:
        assert f"study.json: {name} must be" in str(problem)  # noqa: PT017 (some are read)
    else:
        assert content(read, [])
