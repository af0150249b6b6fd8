"""Schedulers decide as Ray's own do, and a record puts them where they were."""

import random

import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from analysis.record.rows import Ended, Epoch, Started
from tune_app.command.lazy_import import import_named
from tune_app.command.schedulers import SCHEDULERS
from tune_app.deciding.content_scheduler import (
    ContentScheduler,
    NullController,
    TrialProxy,
    size_bin,
)
from tune_app.planning.horizon import Horizon

EPOCHS = 27
HORIZON = Horizon(max_t=EPOCHS, grace_period=3, noise_floor=0.15)


def make(name: str):
    return import_named(SCHEDULERS[name].make)


class OwnScheduler:
    """Ray's scheduler, called as Ray's controller calls it in one run without interruptions."""

    def __init__(self, name):
        self.inner = make(name)(HORIZON)
        self.trials = {}

    def start(self, name):
        self.trials[name] = TrialProxy(name)
        self.inner.on_trial_add(NullController(), self.trials[name])

    def report(self, name, epoch, value):
        result = {"epoch": epoch, "score": value}
        if epoch == EPOCHS:
            self.inner.on_trial_complete(NullController(), self.trials[name], result)
            return "finished"
        decision = self.inner.on_trial_result(NullController(), self.trials[name], result)
        if decision == TrialScheduler.STOP:
            self.inner.on_trial_complete(NullController(), self.trials[name], result)
            return "stopped"
        return "running"


class ContentOwn:
    """The same story through ContentScheduler, with a new driver after every ``crash`` reports."""

    def __init__(self, name, crash):
        self.name, self.crash, self.rows = name, crash, []
        self.scheduler = self._restarted()

    def _restarted(self):
        scheduler = ContentScheduler(lambda: make(self.name)(HORIZON))
        scheduler.replay(self.rows)
        return scheduler

    def start(self, name):
        self.scheduler.admit(name)
        self.rows.append(Started(name, 1, 0.0))

    def report(self, name, epoch, value):
        row = Epoch(
            name, 1, 0.0, epoch, train_loss=1 - value, train_accuracy=value, val_accuracy=value
        )
        if epoch == EPOCHS:
            self.scheduler.finish(row)
            status = "finished"
        else:
            stop = self.scheduler.judge(row) == TrialScheduler.STOP
            status = "stopped" if stop else "running"
            if stop:
                self.scheduler.finish(row)
        self.rows.append(row)
        if status != "running":
            self.rows.append(Ended(name, 1, 0.0, status, epoch))
        if self.crash and len(self.rows) % self.crash == 0:
            self.scheduler = self._restarted()
        return status


def run(driver, slots, seed):
    """Trials of random quality in shuffled order on a few slots; when each one stopped."""
    rng = random.Random(seed)
    waiting = [(f"trial{number}", rng.random()) for number in range(20)]
    running, ends = {}, {}
    while waiting or running:
        while waiting and len(running) < slots:
            name, quality = waiting.pop()
            running[name] = (quality, 0)
            driver.start(name)
        name = rng.choice(sorted(running))
        quality, epoch = running[name]
        noise = random.Random(f"{name}{epoch}").random() / 10
        status = driver.report(name, epoch + 1, quality * (1 - 0.8 ** (epoch + 1)) + noise)
        running[name] = (quality, epoch + 1)
        if status != "running":
            ends[name] = (status, epoch + 1)
            del running[name]
    return ends


def rungs(scheduler):
    return [rung for _, rung in scheduler._brackets[0]._rungs]


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("crash", [0, 7])
def test_decisions_are_those_of_rays_own_scheduler(name, slots, crash):
    own, content = OwnScheduler(name), ContentOwn(name, crash)
    ends = run(own, slots, seed=3)
    assert run(content, slots, seed=3) == ends
    if name != "none":
        assert {status for status, _ in ends.values()} == {"finished", "stopped"}


def test_asha_restarted_after_every_row_has_the_rungs_of_one_that_never_stopped():
    own, content = OwnScheduler("asha"), ContentOwn("asha", crash=1)
    run(own, 4, seed=5)
    run(content, 4, seed=5)
    assert rungs(content.scheduler._inner[None]) == rungs(own.inner)
    assert any(rungs(own.inner))


def test_a_retried_trial_is_not_judged_twice():
    content = ContentOwn("asha", crash=0)
    for name in ("a", "b"):
        content.start(name)
    content.report("a", 3, 0.9)
    content.report("b", 3, 0.95)
    before = [dict(rung) for rung in rungs(content.scheduler._inner[None])]
    content.start("a")
    assert content.report("a", 3, 0.1) == "running"
    assert rungs(content.scheduler._inner[None]) == before


def test_a_trial_that_diverged_never_survives_a_rung():
    scheduler = ContentScheduler(lambda: make("asha")(HORIZON))
    for number in range(6):
        scheduler.admit(f"good{number}")
        row = Epoch(f"good{number}", 1, 0.0, 3, 0.5, 0.6, val_accuracy=0.6)
        scheduler.judge(row)
    scheduler.admit("bad")
    bad = Epoch("bad", 1, 0.0, 3, None, 0.9, val_accuracy=0.9)
    assert scheduler.judge(bad) == TrialScheduler.STOP


def test_no_trial_is_judged_during_warm_up():
    content = ContentOwn("asha", crash=0)
    for number in range(20):
        content.start(f"t{number}")
        for epoch in (1, 2):
            assert content.report(f"t{number}", epoch, 1 - number / 20) == "running"


def test_trials_compete_within_their_size_bin():
    sizes = {"small0": 1_100, "small1": 1_200, "large0": 900_000, "large1": 910_000}
    scheduler = ContentScheduler(
        lambda: make("asha")(HORIZON), size_bin=lambda name: size_bin(sizes[name])
    )
    decisions = {}
    for name, value in (("large0", 0.9), ("small0", 0.5), ("large1", 0.91), ("small1", 0.4)):
        scheduler.admit(name)
        decisions[name] = scheduler.judge(Epoch(name, 1, 0.0, 3, 1.0, value, val_accuracy=value))
    assert (
        decisions["small0"] == TrialScheduler.CONTINUE
    )  # beside large0 it would have been stopped
    assert decisions["small1"] == TrialScheduler.STOP


def test_the_registry_holds_rays_own_classes():
    assert isinstance(make("asha")(HORIZON), AsyncHyperBandScheduler)
    assert isinstance(make("median")(HORIZON), MedianStoppingRule)


def reached(scheduler: ContentScheduler, name: str, epoch: int, value: float) -> str:
    scheduler.admit(name)
    return scheduler.judge(Epoch(name, 1, 0.0, epoch, 1.0, 0.5, val_accuracy=value))


def test_a_rung_stops_nobody_while_its_cut_off_may_be_chance():
    """A trial at 13.99 % was stopped at the first rung, one at 9.79 % had gone on to 87 %."""
    floor = Horizon(max_t=27, grace_period=1, noise_floor=0.145)
    blind = Horizon(max_t=27, grace_period=1)
    kept, stopped = (
        ContentScheduler(lambda horizon=horizon: make("asha")(horizon))
        for horizon in (floor, blind)
    )
    for scheduler in (kept, stopped):
        assert reached(scheduler, "first", 1, 0.144) == TrialScheduler.CONTINUE
    assert reached(stopped, "second", 1, 0.0979) == TrialScheduler.STOP
    assert reached(kept, "second", 1, 0.0979) == TrialScheduler.CONTINUE
    for number in range(8):
        reached(kept, f"good{number}", 1, 0.8)
    assert reached(kept, "third", 1, 0.14) == TrialScheduler.STOP  # its cut-off is no chance now


def test_the_median_stops_nobody_while_it_may_be_chance():
    horizon = Horizon(max_t=27, grace_period=1, noise_floor=0.145)
    scheduler = ContentScheduler(lambda: make("median")(horizon))
    for number in range(6):
        for epoch in (1, 2, 3):
            reached(scheduler, f"early{number}", epoch, 0.13)
    assert reached(scheduler, "late", 3, 0.1) == TrialScheduler.CONTINUE
    for number in range(8):
        for epoch in (1, 2, 3, 4):
            reached(scheduler, f"good{number}", epoch, 0.8)
    assert reached(scheduler, "late", 4, 0.1) == TrialScheduler.STOP


@pytest.mark.parametrize(
    ("horizon", "rungs"),
    [
        (Horizon(24, 5), (5, 15)),
        (Horizon(128, 32), (32, 96)),
        (Horizon(24, 6, reduction_factor=2), (6, 12)),
        (Horizon(4, 1), (1, 3)),
        (Horizon(6, 6), ()),
        (Horizon(24, 5, reduction_factor=2.5), (5, 13)),
    ],
)
def test_the_rungs_that_a_plan_prints_are_those_at_which_trials_are_judged(horizon, rungs):
    assert horizon.rungs == rungs
    scheduler = ContentScheduler(lambda: make("asha")(horizon))
    bad = {}
    for epoch in range(1, horizon.max_t + 1):
        reached(scheduler, "good", epoch, 0.9)
        bad[epoch] = reached(scheduler, f"bad{epoch}", epoch, 0.2)
    judged = [epoch for epoch, decision in bad.items() if decision == TrialScheduler.STOP]
    # a trial that reaches its last epoch has ended: nothing stops it there
    assert [epoch for epoch in judged if epoch < horizon.max_t][:1] == list(rungs[:1])
    for rung in rungs:  # a trial that is bad at its very first report of a rung is stopped there
        assert bad[rung] == TrialScheduler.STOP
