"""Silence is measured against a trial's own pace."""

from tune_app.session.watchdog import HangTimeouts, Watchdog


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def watchdog(**timeouts):
    clock = Clock()
    return Watchdog(HangTimeouts(**timeouts), clock), clock


def test_a_trial_may_take_ten_times_its_median_epoch():
    dog, clock = watchdog(factor=10, floor=5, first=600, standstill=1800)
    dog.started("a")
    for seconds in (2.0, 2.0, 30.0, 2.0, 2.0):
        clock.now += seconds
        dog.epoch("a")
        assert dog.hanging() == []
    clock.now += 19
    assert dog.hanging() == []
    clock.now += 2
    assert dog.hanging() == ["a"]


def test_before_the_first_epoch_the_limit_is_a_fixed_one():
    dog, clock = watchdog(first=600)
    dog.started("a")
    for _ in range(599):
        clock.now += 1
        assert dog.hanging() == []
    clock.now += 2
    assert dog.hanging() == ["a"]


def test_a_driver_that_stood_still_itself_ends_no_trial_for_its_silence():
    dog, clock = watchdog(floor=60)
    dog.started("a")
    dog.epoch("a")
    clock.now += 600
    assert dog.hanging() == []
    assert not dog.stands_still()
    for _ in range(4):
        clock.now += 15
        assert dog.hanging() == []
    clock.now += 1
    assert dog.hanging() == ["a"]


def test_quick_epochs_do_not_make_it_nervous():
    dog, clock = watchdog(factor=10, floor=60)
    dog.started("a")
    clock.now += 0.01
    dog.epoch("a")
    clock.now += 59
    assert dog.hanging() == []


def test_a_trial_that_ended_is_not_missed():
    dog, clock = watchdog(first=1)
    dog.started("a")
    dog.ended("a")
    clock.now += 100
    assert dog.hanging() == []


def test_a_search_stands_still_when_nothing_moves_for_longer_than_any_trial_may():
    dog, clock = watchdog(first=600, standstill=900)
    dog.started("slow")
    for _ in range(120):
        clock.now += 10
        assert not dog.stands_still()
    clock.now += 10
    assert dog.stands_still()
    dog.started("another")
    assert not dog.stands_still()
