"""A damaged record in a storage is brought home whole, or refused; never another study's."""

import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.record.record import RecordError, read_record
from tests.fuzzing import damage, damaged, examples, outcome
from tests.tune_app.study.test_shared_study import Head
from tune_app.command.errors import UsageError
from tune_app.record.storage import StorageFolder
from tune_app.record.study_index import IndexEntry, StudyIndex
from tune_app.study.shared_study import bring_home, catch_up

FILES = {
    "index": ".studies/study/a1.json",
    "runs": "study-a1/record/runs/*.json",
    "segment": "study-a1/record/segments/*/*.jsonl",
    "document": "study-a1/record/study.json",
}
"""What a head with an empty disk reads, in the order in which it does."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A storage of two studies, and the ledger of the one that is named "study"."""
    place = tmp_path_factory.mktemp("begun")
    other = Head(place / "b", str(place / "storage"))
    other.work("b2", epochs=3)
    shutil.move(place / "storage/.studies/study", place / "storage/.studies/other")
    head = Head(place / "a", str(place / "storage"))
    head.work("a1")
    return place / "storage", head.work("a1")


def brought_home(begun: tuple[Path, bytes], place: Path, file: str, content: bytes) -> Head:
    """A head with an empty disk, after one of the files was replaced; raises as it does."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(begun[0], place / "storage")
    (path, *_) = sorted((place / "storage").glob(FILES[file]))[-1:]
    path.write_bytes(content)
    head = Head(place / "home", str(place / "storage"))
    bring_home(head.paths, head.options)
    return head


def original(begun: tuple[Path, bytes], file: str) -> bytes:
    return sorted(begun[0].glob(FILES[file]))[-1].read_bytes()


@given(st.sampled_from(sorted(FILES)), damage)
@example("index", [(0.0, b"")])
@example("runs", [(0.0, b"\xff")])
@examples(60)
def test_it_is_whole_or_refused_with_the_place(begun, tmp_path_factory, file, places):
    place = tmp_path_factory.getbasetemp() / "shared"
    content = damaged(original(begun, file), places)
    head, refused = outcome(lambda: brought_home(begun, place, file, content), UsageError)
    if refused:
        assert all(problem.strip() for problem in refused.problems)
        assert str(place / "storage") in refused.problems[0]
        assert not (place / "home" / "study" / "ledger.jsonl").exists()
    else:
        assert head.paths.ledger.read_bytes() == begun[1]


@given(
    st.one_of(
        st.builds(
            lambda **values: msgspec.json.encode(values),
            study_id=st.sampled_from(["a1", "b2", "", "../b2"]) | st.integers(),
            folder=st.sampled_from(["study-a1", "study-b2", "..", "", "nowhere"]) | st.none(),
            host=st.text(max_size=3),
            time=st.floats() | st.none(),
        ),
        st.binary(max_size=40),
    )
)
@example(msgspec.json.encode(IndexEntry("a1", "study-b2", "h", 0.0)))
@example(msgspec.json.encode(IndexEntry("b2", "study-b2", "h", 0.0)))
@example(msgspec.json.encode(IndexEntry("a1", "nowhere", "h", 0.0)))
@examples(60)
def test_an_entry_that_leads_elsewhere_is_refused(begun, tmp_path_factory, content):
    place = tmp_path_factory.getbasetemp() / "led"
    head, refused = outcome(lambda: brought_home(begun, place, "index", content), UsageError)
    assert refused or head.paths.ledger.read_bytes() == begun[1]


@given(st.sampled_from(["runs", "segment"]), damage)
@examples(40)
def test_a_folder_goes_on_from_its_own_record_or_from_none(begun, tmp_path_factory, file, places):
    """The head's disk is there, and behind: what it takes from the storage is its own study."""
    place = tmp_path_factory.getbasetemp() / "behind"
    head = brought_home(begun, place, file, original(begun, file))
    rows = begun[1].splitlines(keepends=True)
    head.paths.ledger.write_bytes(b"".join(rows[:2]))
    (path, *_) = sorted((place / "storage").glob(FILES[file]))[-1:]
    path.write_bytes(damaged(original(begun, file), places))
    _, refused = outcome(lambda: catch_up(head.paths, head.storage), UsageError)
    here = head.paths.ledger.read_bytes()
    assert here in (begun[1], b"".join(rows[:2]))
    if not refused:
        assert here == begun[1]
    assert outcome(lambda: read_record(head.paths.folder), RecordError)[0]


def test_a_name_of_two_studies_is_still_two_where_one_entry_is_damaged(begun, tmp_path):
    shutil.copytree(begun[0], tmp_path / "storage")
    shutil.copy(tmp_path / "storage/.studies/other/b2.json", tmp_path / "storage/.studies/study")
    index = StudyIndex(StorageFolder(str(tmp_path / "storage")))
    assert [entry.study_id for entry in index.find("study")] == ["b2", "a1"]
    (tmp_path / "storage/.studies/study/b2.json").write_bytes(b"{")
    head = Head(tmp_path / "home", str(tmp_path / "storage"))
    with pytest.raises(UsageError, match="is damaged"):
        bring_home(head.paths, head.options)
