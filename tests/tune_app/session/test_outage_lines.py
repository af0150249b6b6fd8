"""A storage that is away is told with what it said, seldom, and once when it is back."""

import pytest

from tune_app.session.storage_outage import StorageOutage


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def outage(now):
    return StorageOutage("s3://key:secret@bucket/studies?region=x", clock=lambda: now[0])


def test_a_long_outage_is_told_each_time_it_has_lasted_six_times_as_long(outage, now, lines):
    for second in range(601):
        now[0] = float(second)
        outage.heard("a", now[0])
        outage.heard("the record", max(0.0, now[0] - 3))
    assert [line.partition("taken nothing for ")[2][:6] for line in lines] == [
        "10 s: ",
        "60 s: ",
        "6 min:",
    ]
    outage.forget("a")
    outage.heard("the record", 0.0)
    assert lines[3:] == ["the storage answers again after 10 min"]
    outage.heard("a", 601.0)  # it slept when the storage came back
    assert len(lines) == 4
    now[0] += 11.0
    outage.heard("a", 612.0)
    assert [line.partition("taken nothing for ")[2][:6] for line in lines[4:]] == ["11 s: "]


def test_what_the_storage_said_stands_in_the_line_and_no_secret(outage, lines):
    outage.heard("a", 12.0, "AWS Error ACCESS_DENIED:\n expired")
    (line,) = lines
    assert line.startswith("the storage s3://bucket/studies has taken nothing for 12 s (AWS Error")
    assert "ACCESS_DENIED: expired): training goes on" in line


@pytest.mark.parametrize("said", ["AWS Error SLOW_DOWN during PutObject", "(HTTP status 503)"])
def test_an_overloaded_storage_is_called_so(outage, lines, said):
    outage.heard("a", 12.0, said)
    (line,) = lines
    assert f"(it is overloaded or down, and refuses requests, if not all of them: {said})" in line
