"""One cause counts once, however many trials it ends; a host is told from a trial."""

import itertools

import pytest

from tests.tune_app.deciding.test_dispatcher import dispatcher, epoch
from tests.tune_app.workload import some_trials
from tune_app.deciding.failures import Failure


def test_a_host_that_takes_twelve_trials_with_it_is_one_cause():
    trials = some_trials(40)
    now = itertools.count()
    made, _ = dispatcher(trials, clock=lambda: float(next(now)))
    for _ in range(9):  # nine hosts, one after the other, and nobody finishes an epoch
        attempts = [made.next_attempt() for _ in range(12)]
        for attempt in attempts:
            made.started(attempt.trial_id)
        for kind, attempt in zip(itertools.cycle(("lost_node", "lost_worker")), attempts):
            made.failed(attempt.trial_id, Failure(kind, "the node has died"))
            assert not made.halted
    attempt = made.next_attempt()
    made.failed(attempt.trial_id, Failure("lost_node", "the node has died"))
    assert "10 failures in a row" in made.halted


@pytest.mark.parametrize("kind", ["timeout", "out_of_memory", "low_memory"])
def test_a_card_that_hangs_or_is_full_for_twelve_trials_is_one_cause(kind):
    made, _ = dispatcher(some_trials(14))
    attempts = [made.next_attempt() for _ in range(12)]
    for attempt in attempts:
        made.started(attempt.trial_id)
    for attempt in attempts:
        assert made.failed(attempt.trial_id, Failure(kind, "all at once"))
    assert not made.halted
    assert made.streak.causes == 1


@pytest.mark.parametrize("slots", [1, 2])
def test_a_host_that_ends_each_worker_costs_no_trial_and_one_trial_that_does_costs_no_host(slots):
    now = itertools.count()
    trials = some_trials(4)
    made, _ = dispatcher(trials, clock=lambda: float(next(now)))
    well = made.next_attempt()
    made.started(well.trial_id, "healthy")
    made.epochs([epoch(well.trial, 1, well.number)])
    while "deadly" not in made.deadly_hosts:
        attempts = [made.next_attempt() for _ in range(slots)]
        for attempt in attempts:
            made.started(attempt.trial_id, "deadly")
        for attempt in attempts:  # which is placed there again at once
            assert made.failed(attempt.trial_id, Failure("lost_worker", "killed"))
    killer = made.next_attempt()
    for _ in range(3):
        made.started(killer.trial_id, "healthy")
        made.failed(killer.trial_id, Failure("lost_worker", "killed"))
        killer = made.next_attempt()
    assert made.deadly_hosts == {"deadly"}
