"""What a cluster loses, a study does not: faults on hosts made of namespaces."""

import pytest

from tests.cluster.faults import Outcome, strike
from tests.cluster.hosts import missing

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(missing()), reason=missing() or "hosts can be made here"),
]


def assert_complete(outcome: Outcome) -> None:
    """Every trial is finished, and the record holds each epoch once."""
    assert outcome.finished == outcome.planned, outcome.lines
    assert (outcome.lost, outcome.doubled) == (0, 0), outcome.lines
    assert outcome.exit_code == 0, outcome.lines


@pytest.mark.parametrize("slots", [2, 12])
def test_a_host_that_loses_power_costs_an_epoch_a_trial_and_one_line(slots, tmp_path):
    outcome = strike("worker off", slots, tmp_path / "cluster")
    assert_complete(outcome)
    assert outcome.redone <= slots  # an epoch each: every epoch is saved here
    assert outcome.recovered is not None
    assert outcome.recovered <= 15
    gone = [line for line in outcome.lines if "is gone: " in line]
    assert 1 <= len(gone) <= 2, outcome.lines  # a loaded machine may miss its trials in two parts


def test_a_cable_that_is_pulled_for_a_while_costs_no_trial(tmp_path):
    outcome = strike("link cut 45 s", 2, tmp_path / "cluster")
    assert_complete(outcome)
    assert outcome.said("10.77.31.12 is gone: ")


def test_a_head_that_is_gone_is_named_within_seconds_with_the_command_that_goes_on(tmp_path):
    outcome = strike("head off", 2, tmp_path / "cluster")
    assert outcome.exit_code == 1
    assert outcome.seconds_to_exit <= 30  # with the report
    assert outcome.said("the cluster's head 10.77.31.11:6379 has not answered for 1")
    assert outcome.said("to continue: ")
    assert (outcome.lost, outcome.doubled) == (0, 0)


def test_one_trial_that_is_killed_costs_one_epoch(tmp_path):
    outcome = strike("trial killed", 2, tmp_path / "cluster")
    assert_complete(outcome)
    assert outcome.redone <= 1


def test_a_node_that_is_added_is_used(tmp_path):
    outcome = strike("node added", 2, tmp_path / "cluster", rounds=6)
    assert_complete(outcome)
    assert len(outcome.hosts) == 3
