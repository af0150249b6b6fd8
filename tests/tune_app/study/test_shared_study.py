"""A study in a storage is found by its name, and goes on there without the folder it began in."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.record.record import read_record
from analysis.record.rows import Epoch, Opened
from benchmarks.chaos.inspection import inspect, same_tables
from tests.tune_app.ray_engine import Engine
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.record.record_copy import RecordCopy
from tune_app.record.storage import StorageFolder
from tune_app.record.study_document import StudyName, opening_rows, stored_name
from tune_app.record.study_index import StudyIndex
from tune_app.study.shared_study import announce, bring_home, catch_up, set_aside
from tune_app.study.study_name import study_storage


@pytest.fixture(params=["folder", "bucket"])
def storage(request, tmp_path, bucket) -> str:
    return bucket.uri(tmp_path.name) if request.param == "bucket" else str(tmp_path / "storage")


def epoch(number: int) -> Epoch:
    return Epoch("trial", 1, float(number), number, 0.5, 0.5)


class Head:
    """A machine that works on a study of the name "study"."""

    def __init__(self, folder: Path, storage: str, **options) -> None:
        self.options = RunOptions("x", results_dir=folder, name="study", storage=storage, **options)
        self.paths = study_paths(self.options, "x")

    @property
    def name(self) -> StudyName:
        found = stored_name(self.paths, opening_rows(self.paths))
        assert found is not None
        return found

    @property
    def storage(self) -> str:
        return study_storage(self.paths, self.options, self.name)

    def work(self, study_id: str = "", epochs: int = 1) -> bytes:
        """Writes some epochs; what the ledger then holds."""
        with Ledger(self.paths.folder, study_id=study_id) as ledger:
            self.paths.study.write_text("{}")
            begin = lambda: announce(self.paths, self.options, self.name)  # noqa: E731
            copy = RecordCopy(self.storage, ledger.path, lambda: ledger.size, announce=begin)
            copy.add(self.paths.study)
            with copy:
                ledger.append(*map(epoch, range(1, epochs + 1)))
                assert copy.finish()
        return self.paths.ledger.read_bytes()


def test_a_head_with_an_empty_disk_finds_it_by_its_name(storage, tmp_path, lines):
    written = Head(tmp_path / "a", storage).work("a1")
    other = Head(tmp_path / "b", storage)
    bring_home(other.paths, other.options)
    assert other.paths.ledger.read_bytes() == written
    assert other.paths.study.read_text() == "{}"
    assert other.name == StudyName("a1", "study-a1")
    (line,) = lines
    assert "the record of the study a1 of " in line
    assert "secret" not in line


def test_a_name_that_the_storage_does_not_know_begins(storage, tmp_path):
    head = Head(tmp_path / "a", storage)
    bring_home(head.paths, head.options)
    assert not head.paths.folder.exists()


def test_of_several_studies_of_one_name_the_person_chooses(storage, tmp_path):
    written = [Head(tmp_path / name, storage).work(name) for name in ("a1", "b2")]
    head = Head(tmp_path / "c", storage)
    with pytest.raises(UsageError, match=r"2 studies in .* --study-id ID goes on") as told:
        bring_home(head.paths, head.options)
    assert {problem.split(",")[0].strip() for problem in told.value.problems[1:]} == {"a1", "b2"}
    chosen = Head(tmp_path / "c", storage, study_id="b2")
    bring_home(chosen.paths, chosen.options)
    assert chosen.paths.ledger.read_bytes() == written[1]
    for wrong in (
        Head(tmp_path / "c", storage, study_id="a1"),
        Head(tmp_path / "d", storage, study_id="z"),
    ):
        with pytest.raises(UsageError, match="--study-id"):
            bring_home(wrong.paths, wrong.options)


def test_fresh_gives_the_one_that_is_there_another_name(storage, tmp_path):
    Head(tmp_path / "a", storage).work("a1")
    head = Head(tmp_path / "b", storage, fresh=True)
    set_aside(head.paths, head.options)
    bring_home(head.paths, head.options)
    assert not head.paths.ledger.exists()
    index = StudyIndex(StorageFolder(head.options.storage))
    assert index.find("study") == []
    (name,) = {path.split("/")[0] for path in StorageFolder(head.options.storage).names(".studies")}
    assert index.find(name)[0].study_id == "a1"


def test_a_folder_that_another_head_has_overtaken_catches_up(storage, tmp_path, lines):
    first = Head(tmp_path / "a", storage)
    first.work("a1")
    second = Head(tmp_path / "b", storage)
    bring_home(second.paths, second.options)
    ahead = second.work(epochs=2)
    catch_up(first.paths, first.storage)
    assert first.paths.ledger.read_bytes() == ahead
    assert "is behind its copy in" in lines[-1]

    with Ledger(first.paths.folder) as ledger:  # both go on, and the second's arrives
        ledger.append(epoch(9))
    apart = second.work(epochs=3)
    catch_up(first.paths, first.storage)
    assert first.paths.ledger.read_bytes() == apart
    assert "another driver continued the study" in lines[-1]
    (aside,) = first.paths.folder.glob("ledger.jsonl.until-*")
    assert aside.read_bytes().startswith(ahead)
    catch_up(first.paths, first.storage)
    assert len(lines) == 3


def test_a_folder_that_is_ahead_of_its_storage_stays(storage, tmp_path):
    head = Head(tmp_path / "a", storage)
    head.work("a1")
    with Ledger(head.paths.folder) as ledger:
        ledger.append(epoch(9))
    before = head.paths.ledger.read_bytes()
    catch_up(head.paths, head.storage)
    assert head.paths.ledger.read_bytes() == before


def test_a_storage_that_does_not_answer_is_told(bucket, tmp_path):
    head = Head(tmp_path / "a", bucket.uri(tmp_path.name))
    bucket.fault = "503"
    try:
        with pytest.raises(UsageError, match="cannot be used"):
            bring_home(head.paths, head.options)
    finally:
        bucket.fault = ""


@pytest.mark.crash
@pytest.mark.slow
def test_a_machine_that_is_lost_with_its_disk_loses_ten_seconds(tmp_path):
    """The driver is killed while its storage is a folder; another machine has that alone."""
    driver = [sys.executable, "-m", "tests.tune_app.scripted_driver"]
    storage = tmp_path / "storage"
    command = [*driver, str(tmp_path / "lost"), "8", "0.5", "", str(storage)]
    running = subprocess.Popen(command, start_new_session=True)
    ledger = StudyPaths(tmp_path / "lost" / "scripted").ledger
    deadline = time.monotonic() + 200
    while not (ledger.exists() and ledger.read_bytes().count(b'"type":"epoch"') >= 40):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    on_record = ledger.read_bytes().count(b'"type":"epoch"')
    shutil.rmtree(tmp_path / "lost")
    again = subprocess.run(
        [*driver, str(tmp_path / "found"), "8", "0.5", "", str(storage)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "was copied here to go on with" in again.stdout
    study = Engine(tmp_path / "found").folder
    (shared,) = storage.glob("scripted-*")
    trained = Engine(tmp_path / "found").trained_in(shared)
    findings = inspect(study, trained)
    assert (findings.lost, findings.doubled, findings.damage) == ([], [], [])
    assert findings.redone <= 2  # an epoch of each of two slots: every epoch is saved
    rows = read_record(study).rows
    assert isinstance(rows[0], Opened)
    assert on_record >= 40
    subprocess.run([*driver, str(tmp_path / "calm"), "8", "0.0"], check=True)
    assert same_tables(study, Engine(tmp_path / "calm").folder) == []
