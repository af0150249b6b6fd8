"""A study takes no more room than its plan said, and at least half of it."""

import dataclasses
import re
import time
from datetime import UTC, datetime

import pytest

from analysis.charts.pictures import Pictures
from analysis.record.tables import write_tables
from analysis.report.report import write_report
from analysis.study.study import load_study
from analysis.tensorboard.writer import write_tensorboard
from search_spaces.registry import SPACES
from tests.analysis import spaces
from tests.analysis.simulation import write_study
from tests.tune_app.workload import plan_of, planned
from tune_app.command.options import RunOptions
from tune_app.planning.plan import make_plan
from tune_app.preview.forecast import SLOTS, Forecast, checkpoint_bytes, forecast


@pytest.mark.slow
@pytest.mark.parametrize(("rates", "epochs"), [(12, 2), (60, 24)])
def test_all_files_but_checkpoints_take_half_to_all_of_what_was_said(rates, epochs, tmp_path):
    values = [
        {"layer": layer, "rank": 4, "epochs": epochs, "learning_rate": 0.1 + number / 100}
        for number in range(rates // 2)
        for layer in ("low_rank", "tensor_train")
    ]
    folder = write_study(tmp_path / "study", values, space=spaces.FAMILIES)
    study = load_study(folder)
    write_tables(folder, study.tables, ledger_bytes=0)
    write_tensorboard(study)
    with Pictures() as pictures:
        write_report(study, pictures)
    written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    plan = plan_of([planned(**one) for one in values])
    checkpoints = sorted(map(checkpoint_bytes, plan.trials), reverse=True)
    said = forecast(plan).disk_bytes - sum(checkpoints) - 2 * sum(checkpoints[:SLOTS])
    assert said / 2 <= written <= said


@pytest.mark.parametrize("search", ["grid", "optuna"])
def test_the_second_stage_is_part_of_it(search, tmp_path):
    options = RunOptions(space="quickstart", dataset="digits", results_dir=tmp_path, search=search)
    plan = make_plan(options, SPACES["quickstart"])
    alone = dataclasses.replace(plan, estimating_seeds=())
    smallest = min(map(checkpoint_bytes, plan.trials or plan.examples))
    more = forecast(plan).disk_bytes - forecast(alone).disk_bytes
    assert more >= len(plan.estimating_seeds) * smallest


def test_a_moment_is_told_by_the_clock_as_it_will_be_then(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")  # Berlin's; needs no tables of zones
    try:
        time.tzset()
        before_the_change = datetime(2026, 10, 24, 20, tzinfo=UTC)  # 22:00 of summer time
        monkeypatch.setattr(time, "time", before_the_change.timestamp)
        told = Forecast(0, slots=1, slot_seconds=12 * 3600).lines()
        assert "  done on Sunday 25 October at 09:00 if started now" in told
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("seconds", [4e7, 1e12, 2**63, 1e300])
def test_years_are_told_whatever_their_number(seconds):
    lines = Forecast(0, slots=1, slot_seconds=seconds).lines()
    assert "year" in lines[1]
    assert re.search(r"done on \w+ \d\d \w+ \d{4} at", lines[2])
