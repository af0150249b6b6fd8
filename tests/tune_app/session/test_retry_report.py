"""What is tried again is told by its cause, once, however many trials it ended."""

import pytest

from analysis.record.rows import Ended, Started
from analysis.record.status import TrialStatus
from tune_app.record.history import TrialHistory
from tune_app.session.retry_report import RetryReport


def failed(kind: str, host: str, error: str = "gone") -> TrialHistory:
    trial = TrialHistory()
    trial.start(Started("t", 1, 0.0, host=host))
    trial.end(Ended("t", 1, 1.0, TrialStatus.FAILED, 0, kind=kind, error=error, retry=True))
    return trial


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("10.0.0.7", "the host 10.0.0.7 is gone: 2 trials go on from their last checkpoints"),
        ("", "a host is gone: 2 trials go on from their last checkpoints"),
    ],
)
def test_a_host_that_is_gone_is_one_line_with_its_name_where_it_is_known(host, said, lines):
    report = RetryReport()
    for name in ("a", "b"):
        report.add(name, failed("lost_node", host))
    report.flush()
    assert lines == [said]


def test_a_hosts_workers_that_are_lost_before_it_are_in_its_line(lines):
    report = RetryReport()
    report.add("a", failed("lost_worker", "10.0.0.7"))
    report.add("b", failed("lost_node", "10.0.0.7"))
    report.flush()
    assert lines == ["the host 10.0.0.7 is gone: 2 trials go on from their last checkpoints"]


def test_a_node_that_refuses_is_named_whoever_noticed(lines):
    report = RetryReport()
    report.add("a", failed("unfit_node", "10.0.0.7", "some.UnfitNodeError: host-a: no GPU"))
    lacks = "ModuleNotFoundError: No module named 'tune_app'"
    report.add("b", failed("unfit_node", "10.0.0.8", lacks))
    report.flush()
    assert lines == [
        "host-a: no GPU: a goes on elsewhere",
        "10.0.0.8: ModuleNotFoundError: No module named 'tune_app': b goes on elsewhere",
    ]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        (
            "unfit_node",
            "some.UnfitNodeError: host-a: no torch",
            "host-a: no torch: {} trials go on elsewhere",
        ),
        (
            "low_memory",
            "",
            "the host h is low on memory, and Ray ended its workers: {} trials go on from their "
            "last checkpoints",
        ),
    ],
)
def test_a_host_that_ends_workers_one_after_the_other_is_a_line_a_minute(kind, error, said, lines):
    now = [0.0]
    report = RetryReport(lambda: now[0])
    for second in range(200):
        now[0] = float(second)
        if second <= 20 and second % 4 == 0:  # workers start two at a time
            for name in ("a", "b"):
                report.add(name, failed(kind, "h", error))
        report.tick()
    assert lines == [said.format(2), said.format(10)]
