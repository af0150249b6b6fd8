"""A search over recorded curves: trials start in an order, run side by side, and are judged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from ray.tune.schedulers import TrialScheduler

from analysis.record.rows import EpochResult
from benchmarks.schedulers.curves import Curve
from tune_app.deciding.content_scheduler import ContentScheduler


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to. ``chosen`` is the finished trial that was best on the seen half."""

    chosen: Curve
    epochs: int
    seconds: float


def replay(
    curves: Iterable[Curve],
    make: Callable[[], TrialScheduler],
    *,
    slots: int,
    group: Callable[[Curve], Hashable] = lambda curve: None,
) -> Outcome:
    """Starts ``curves`` one after the other on ``slots`` slots, under one of Ray's schedulers.

    A trial takes its own recorded seconds for each epoch, so that rungs fill in the order in which
    a real search would fill them.
    """
    known: dict[str, Curve] = {}
    scheduler = ContentScheduler(make, size_bin=lambda trial_id: group(known[trial_id]))
    waiting = iter(curves)
    running: list[tuple[float, int, Curve, int]] = []  # when the epoch ends, a tie-breaker, …
    finished: list[Curve] = []
    spent, now, started = 0, 0.0, 0

    def start() -> None:
        nonlocal started
        if (curve := next(waiting, None)) is not None:
            known[curve.trial_id] = curve
            scheduler.admit(curve.trial_id)
            heapq.heappush(running, (now + curve.epoch_seconds, started, curve, 1))
            started += 1

    for _ in range(slots):
        start()
    while running:
        now, place, curve, epoch = heapq.heappop(running)
        spent += 1
        row = EpochResult(
            curve.trial_id, 1, now, epoch, 0.0, 0.0, val_accuracy=curve.seen[epoch - 1]
        )
        if epoch == curve.epochs:
            scheduler.finish(row)
            finished.append(curve)
            start()
        elif scheduler.judge(row) == TrialScheduler.STOP:
            scheduler.finish(row)
            start()
        else:
            heapq.heappush(running, (now + curve.epoch_seconds, place, curve, epoch + 1))
    return Outcome(best_seen(finished), spent, now)


def best_seen(curves: Sequence[Curve]) -> Curve:
    """The best after the last epoch on the seen half; ties go to the smaller network."""
    return max(curves, key=lambda curve: (curve.seen[-1], -curve.parameters, curve.trial_id))
