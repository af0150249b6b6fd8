"""The second stage begins when every trial of the first has ended for good."""

from analysis.record.rows import Ended, Epoch
from tests.tune_app.workload import plan_of, planned, some_trials
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import Failure, RetryPolicy
from tune_app.deciding.list_searcher import ListSearcher
from tune_app.deciding.searcher import SearchContext
from tune_app.deciding.two_stages import TwoStages
from tune_app.record.history import History

MEMORY = Failure("out_of_memory", "CUDA out of memory")


def dispatcher(first, second, rows=()) -> tuple[Dispatcher, list, list[int]]:
    history, record = History(rows), list(rows)
    begun: list[int] = []

    def begin():
        begun.append(sum(isinstance(row, Ended) and not row.retry for row in record))
        return second

    searcher = TwoStages(ListSearcher(SearchContext(plan_of(first), history)), begin)
    policy = RetryPolicy(memory_tiers=2)
    made = Dispatcher(
        searcher=searcher,
        history=history,
        write=lambda *new: record.extend(new),
        policy=policy,
    )
    return made, record, begun


def finish(made: Dispatcher, attempt) -> None:
    made.started(attempt.trial_id)
    made.epochs([Epoch(attempt.trial_id, attempt.number, 0.0, 9, 0.5, 0.8, val_accuracy=0.8)])
    made.ended(attempt.trial_id, "finished")


def chosen(count: int) -> list:
    return [planned(learning_rate=0.1, seed=1000 + number) for number in range(count)]


def test_the_second_stage_waits_for_the_last_trial_of_the_first() -> None:
    first, second = some_trials(3), chosen(2)
    made, _, begun = dispatcher(first, second)
    running = [made.next_attempt() for _ in first]
    assert made.next_attempt() is None
    assert not made.is_done()
    for attempt in running:
        assert begun == []
        finish(made, attempt)
    assert made.next_tier() == 0
    assert begun == [3]
    assert [made.next_attempt().trial for _ in second] == second
    assert made.next_attempt() is None


def test_a_trial_that_waits_for_more_memory_belongs_to_the_first_stage() -> None:
    first, second = some_trials(2), chosen(1)
    made, _, begun = dispatcher(first, second)
    grows, other = made.next_attempt(), made.next_attempt()
    made.started(grows.trial_id)
    assert made.failed(grows.trial_id, MEMORY)
    finish(made, other)
    assert made.is_done(0)
    assert made.next_tier() == 1
    finish(made, made.next_attempt(1))
    assert made.next_tier() == 0
    assert begun == [2]
    assert made.next_attempt().trial == second[0]


def test_a_search_that_was_halted_does_not_choose() -> None:
    first = some_trials(2)
    made, _, begun = dispatcher(first, chosen(1))
    finish(made, made.next_attempt())
    last = made.next_attempt()
    made.started(last.trial_id)
    made.halt("interrupted")
    made.ended(last.trial_id, "interrupted")
    assert made.is_done()
    assert made.next_tier() is None
    assert begun == []


def test_where_the_first_stage_is_on_record_the_second_goes_on_at_once() -> None:
    first, second = some_trials(2), chosen(2)
    made, record, _ = dispatcher(first, second)
    for _ in first:
        finish(made, made.next_attempt())
    again, _, begun = dispatcher(first, second, rows=record)
    assert again.next_tier() == 0
    assert again.next_attempt().trial == second[0]
    assert begun == [2]


def test_nothing_is_left_where_nothing_was_chosen() -> None:
    made, _, begun = dispatcher([], [])
    assert made.next_tier() is None
    assert made.searcher.exhausted
    assert begun == [0]
