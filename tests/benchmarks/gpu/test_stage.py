"""A stage keeps its time, goes on where it stopped, and survives what a cell does."""

import json
import time
from functools import partial

import pytest
import torch

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import (
    COMPLETE,
    FAILED,
    UNFINISHED,
    Cell,
    Postponed,
    Stage,
    Summary,
    run_stage,
)
from benchmarks.gpu.stage_file import MOST_STARTS, StageFile

ORIGIN = {"card": "none", "code": "1"}


def summarise(cells):
    return Summary(("cell", "value"), [[key, str(cell["value"])] for key, cell in cells.items()])


@pytest.fixture
def run(tmp_path):
    """Runs a stage of these (key, seconds, function) cells and returns its status and document."""

    def call(*cells, seconds=60.0, origin=ORIGIN):
        stage = Stage("some", "what?", lambda _: [Cell(*cell) for cell in cells], summarise)
        setting = Setting(torch.device("cpu"), True, tmp_path, Deadline(seconds))
        file = StageFile(tmp_path / "some.json", origin, {})
        return run_stage(stage, setting, file), json.loads(file.path.read_text())

    return call


def value(number):
    return {"value": number}


def test_a_finished_cell_is_not_measured_again(run):
    assert run(("a", 1, partial(value, 1)))[0] == COMPLETE
    status, document = run(("a", 1, partial(value, 2)), ("b", 1, partial(value, 3)))
    assert (status, document["complete"]) == (COMPLETE, True)
    assert [document["cells"][key]["value"] for key in "ab"] == [1, 3]


@pytest.mark.parametrize("changed", [{"card": "other"}, {"code": "2"}])
def test_cells_of_another_card_or_of_other_code_are_measured_anew(run, changed):
    run(("a", 1, partial(value, 1)))
    _, document = run(("a", 1, partial(value, 2)), origin=ORIGIN | changed)
    assert document["cells"]["a"]["value"] == 2


def test_a_cell_that_would_not_end_in_time_waits_for_the_next_call_and_a_short_one_does_not(run):
    cells = ("long", 300, partial(value, 1)), ("short", 1, partial(value, 2))
    status, document = run(*cells)
    assert (status, document["complete"], list(document["cells"])) == (UNFINISHED, False, ["short"])
    assert run(*cells, seconds=400)[0] == COMPLETE


def test_a_cell_that_fails_is_recorded_with_its_reason_and_the_others_are_measured(run, capsys):
    status, document = run(("bad", 1, lambda: 1 / 0), ("good", 1, partial(value, 2)))
    assert status == FAILED
    assert document["cells"]["bad"]["failed"] == "ZeroDivisionError: division by zero"
    assert document["cells"]["good"]["value"] == 2
    assert "failed: bad: ZeroDivisionError" in capsys.readouterr().out


def test_a_cell_that_ends_its_process_is_begun_twice_and_then_recorded(run, tmp_path):
    for _ in range(MOST_STARTS):
        StageFile(tmp_path / "some.json", ORIGIN, {}).begin("deadly")  # and nothing comes after it
    status, document = run(("deadly", 1, lambda: pytest.fail("begun again")))
    assert status == FAILED
    assert document["cells"]["deadly"]["failed"] == "begun 2 times and never ended"


def test_a_postponed_cell_goes_on_however_often_it_was_begun(run):
    def stops():
        raise Postponed

    for _ in range(MOST_STARTS + 1):
        status, document = run(("slow", 1, stops))
        assert (status, document["cells"]) == (UNFINISHED, {})
    assert run(("slow", 1, partial(value, 1)))[0] == COMPLETE


def test_a_damaged_file_counts_as_none(run, tmp_path):
    (tmp_path / "some.json").write_text('{"origin": ')
    assert run(("a", 1, partial(value, 1)))[0] == COMPLETE


def test_a_deadline_passes():
    deadline = Deadline(0.02)
    assert not deadline.passed()
    time.sleep(0.03)
    assert (deadline.passed(), deadline.left) == (True, 0.0)
