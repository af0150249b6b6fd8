"""Plan minus ledger: what starts, what is tried again, what stops the search."""

import itertools
import random
import time

import pytest
import ray

from analysis.record.rows import Ended, Epoch, Planned, Started
from tests.tune_app.workload import plan_of, some_trials
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import Failure, RetryPolicy, classify, classify_text
from tune_app.deciding.list_searcher import ListSearcher
from tune_app.deciding.searcher import SearchContext
from tune_app.engine.search_adapter import WorkerSettings
from tune_app.record.history import History

LOW = "2 worker(s) were killed due to the node running low on memory. … the out of memory issue: …"
"""As Ray 2.60 puts it."""

CRASH = Failure("exception", "Traceback …\nRuntimeError: boom")


class Record:
    """A ledger in memory."""

    def __init__(self):
        self.rows = []

    def write(self, *rows):
        self.rows.extend(rows)


def dispatcher(trials, rows=(), again=frozenset(), clock=time.time, **policy):
    record, history = Record(), History(rows)
    context = SearchContext(plan_of(trials), history, again=again)
    searcher = ListSearcher(context)
    made = Dispatcher(
        searcher=searcher,
        history=history,
        write=record.write,
        policy=RetryPolicy(**policy),
        clock=clock,
    )
    return made, record


def epoch(trial, number, attempt=1):
    return Epoch(trial.trial_id, attempt, 0.0, number, 0.5, 0.8, val_accuracy=0.8)


def finish(made, attempt):
    made.started(attempt.trial_id)
    for number in range(attempt.known_epochs + 1, 10):
        made.epochs([epoch(attempt.trial, number, attempt.number)])
    made.ended(attempt.trial_id, "finished")


def test_every_planned_trial_runs_once_in_order():
    trials = some_trials(5)
    made, record = dispatcher(trials)
    ran = []
    while not made.is_done():
        attempt = made.next_attempt()
        ran.append(attempt.trial)
        finish(made, attempt)
    assert ran == trials
    assert [row.trial_id for row in record.rows if isinstance(row, Planned)] == [
        trial.trial_id for trial in trials
    ]


def test_a_continued_search_runs_what_is_missing():
    trials = some_trials(4)
    made, record = dispatcher(trials)
    finish(made, made.next_attempt())
    half = made.next_attempt()
    made.started(half.trial_id)
    made.epochs([epoch(half.trial, 1), epoch(half.trial, 2)])
    again, _ = dispatcher(trials, record.rows, again=frozenset({half.trial_id}))
    resumed = again.next_attempt()
    assert (resumed.trial, resumed.number, resumed.known_epochs) == (half.trial, 2, 2)
    assert again.next_attempt().trial == trials[2]


def test_a_trial_on_a_cpu_goes_on_with_its_own_threads():
    first, second = some_trials(2)
    made, record = dispatcher([first, second])
    made.started(made.next_attempt().trial_id, device="cpu", threads=3)
    again, _ = dispatcher([first, second], record.rows, again=frozenset({first.trial_id}))
    resumed, new = again.next_attempt(), again.next_attempt()
    assert (resumed.threads, new.threads) == (3, 0)
    on_two = WorkerSettings("storage", threads=2)
    assert [on_two.config(one)["threads"] for one in (resumed, new)] == [3, 2]
    on_a_card = WorkerSettings("storage", threads=2, device_fraction=0.5)
    assert on_a_card.config(resumed)["threads"] == 2


def test_an_epoch_reported_twice_is_written_once():
    (trial,) = some_trials(1)
    made, record = dispatcher([trial])
    made.next_attempt()
    made.started(trial.trial_id)
    assert made.epochs([epoch(trial, 1)])
    assert not made.epochs([epoch(trial, 1)])
    assert made.epochs([epoch(trial, 1), epoch(trial, 2)]) == [epoch(trial, 2)]
    assert [row.epoch for row in record.rows if isinstance(row, Epoch)] == [1, 2]


def test_a_failing_trial_is_retried_then_given_up_and_the_others_go_on():
    trials = some_trials(3)
    made, record = dispatcher(trials, max_failures=2)
    bad = trials[0].trial_id
    outcomes = []
    for _ in range(3):
        attempt = made.next_attempt()
        assert attempt.trial_id == bad
        made.started(bad)
        outcomes.append(made.failed(bad, CRASH))
    assert outcomes == [True, True, False]
    assert made.next_attempt().trial == trials[1]
    last = [row for row in record.rows if isinstance(row, Ended)][-1]
    assert (last.status, last.kind, last.retry) == ("failed", "exception", False)
    assert last.error is not None
    assert "boom" in last.error


def test_out_of_memory_comes_back_with_a_larger_share_then_alone_then_fails():
    trials = some_trials(2)
    made, _ = dispatcher(trials)
    steps = []
    tier = 0
    while (attempt := made.next_attempt(tier)) and attempt.trial == trials[0]:
        steps.append(attempt.tier)
        made.started(attempt.trial_id)
        made.failed(attempt.trial_id, Failure("out_of_memory", "CUDA out of memory"))
        tier = len(steps)
        if tier > 2:
            break
    assert steps == [0, 1, 2]
    assert made.history[trials[0].trial_id].status == "failed"
    assert made.next_tier() == 0  # the other trial, with its ordinary resources


def test_ten_failures_of_one_kind_in_a_row_stop_the_search_and_say_why():
    trials = some_trials(12)
    made, _ = dispatcher(trials, max_failures=0)
    for number in range(10):
        assert not made.halted, number
        attempt = made.next_attempt()
        made.started(attempt.trial_id)
        made.failed(attempt.trial_id, CRASH)
    assert "10 failures in a row, all of kind exception" in made.halted
    assert "boom" in made.halted
    assert made.next_attempt() is None
    assert made.is_done()


def test_lost_workers_do_not_add_up_while_epochs_are_finished():
    trials = some_trials(30)
    made, _ = dispatcher(trials)
    for number in range(30):
        attempt = made.next_attempt()
        made.started(attempt.trial_id)
        made.epochs([epoch(attempt.trial, attempt.known_epochs + 1, attempt.number)])
        assert made.failed(attempt.trial_id, Failure("lost_worker", "killed"))
        assert not made.halted, number


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("storage", "trainables.training.checkpoints.checkpoint_store.StorageError: it refused"),
        ("drained_node", "trainables.training.job.HostLeavingError: it is being taken away"),
    ],
)
def test_what_says_nothing_of_a_trial_spends_no_retries_and_stops_no_search(kind, words):
    (trial,) = some_trials(1)
    made, _ = dispatcher([trial], max_failures=0, max_lost=0)
    for _ in range(30):
        attempt = made.next_attempt()
        made.started(attempt.trial_id)
        away = classify_text(words)
        assert away.kind == kind
        assert made.failed(attempt.trial_id, away)
        assert not made.halted
    attempt = made.next_attempt()
    made.started(attempt.trial_id)
    assert not made.failed(attempt.trial_id, CRASH)


def test_a_node_that_refuses_its_trials_costs_them_no_retry_and_ends_a_search_of_its_own():
    (trial,) = some_trials(1)
    now = itertools.count()
    made, _ = dispatcher([trial], max_failures=0, max_lost=0, clock=lambda: float(next(now)))
    refusal = classify_text("trainables.training.job.UnfitNodeError: host-a: no GPU")
    assert refusal.kind == "unfit_node"
    attempts = 0
    while attempt := made.next_attempt():
        made.started(attempt.trial_id)
        assert made.failed(attempt.trial_id, refusal)
        attempts += 1
    assert attempts == 10
    assert "all of kind unfit node; last: trainables.training.job" in made.halted


def test_a_trial_that_kills_its_worker_each_time_is_given_up():
    (trial,) = some_trials(1)
    made, _ = dispatcher([trial], max_lost=5)
    attempts = 0
    while attempt := made.next_attempt():
        made.started(attempt.trial_id)
        made.failed(attempt.trial_id, Failure("lost_worker", "killed"))
        attempts += 1
    assert attempts == 6


def test_random_kills_of_the_driver_lose_and_repeat_nothing():
    """Whatever prefix of the rows a driver leaves behind, the next one completes the plan."""
    rng = random.Random(11)
    trials = some_trials(6)
    rows: list = []
    for _ in range(200):
        history = History(rows)
        again = frozenset(name for name, one in history.trials.items() if not one.known)
        made, record = dispatcher(trials, rows, again=again)
        while (attempt := made.next_attempt()) is not None:
            finish(made, attempt)
        cut = rng.randrange(len(record.rows) + 1) if record.rows else 0
        if not record.rows:
            break
        rows += record.rows[:cut]
    history = History(rows)
    assert all(history[trial.trial_id].known for trial in trials)
    epochs = [(row.trial_id, row.epoch) for row in rows if isinstance(row, Epoch)]
    assert len(epochs) == len(set(epochs)) == 6 * 9
    assert all(row.epoch <= 9 for row in rows if isinstance(row, Started))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("no"), "out_of_memory"),
        (RuntimeError("CUDA error: out of memory"), "out_of_memory"),
        (OSError(28, "No space left on device"), "full_disk"),
        (ValueError("bad"), "exception"),
        (ray.exceptions.OutOfMemoryError(LOW), "low_memory"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "full_disk"),
    ],
)
def test_failures_are_told_apart(error, kind):
    assert classify(error).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ray::Worker.train()\n  raise MemoryError\nMemoryError: 3 GiB asked", "out_of_memory"),
        ("x.cifar_trainable.DeviceMemoryError: out of device memory", "out_of_memory"),
        ("The actor died unexpectedly. Owner's node has crashed.", "lost_node"),
        ("The actor died unexpectedly before finishing this task.", "lost_worker"),
        (f"ray.exceptions.OutOfMemoryError: {LOW}", "low_memory"),
        ("ValueError: bad", "exception"),
    ],
)
def test_failures_are_told_apart_by_their_words_alone(text, kind):
    assert classify_text(text).kind == kind


def test_the_cause_counts_not_the_wrapper():
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as inner:
            raise RuntimeError("saving failed") from inner
    except RuntimeError as outer:
        failure = classify(outer)
    assert failure.kind == "full_disk"
    assert "saving failed" in failure.error
