"""The exit code follows from what became of the planned trials, the checkpoints from their rank."""

import os
import random
import shlex
import signal
from collections import Counter
from dataclasses import replace

import pytest

from analysis.record.rows import Ended, Epoch, Planned, Started
from tune_app.record.history import History, best_on_record
from tune_app.session.signal_handler import SIGNALS, SignalHandler
from tune_app.study.finalize import Outcome, count, exit_code
from tune_app.study.retention import remove_checkpoints, surplus


def ended(name, status, accuracy=0.5, retry=False):
    return [
        Started(name, 1, 0.0),
        Epoch(name, 1, 0.0, 3, 0.5, accuracy, val_accuracy=accuracy),
        Ended(name, 1, 0.0, status, 3, retry=retry),
    ]


@pytest.mark.parametrize(
    ("counts", "budget", "complete", "code"),
    [
        ({"finished": 3}, False, True, 0),
        ({"finished": 3, "stopped": 2, "diverged": 1}, False, True, 0),
        ({"finished": 3, "failed": 1}, False, True, 1),
        ({"finished": 3, "never_ran": 1}, False, False, 1),
        ({"finished": 3, "interrupted": 1}, False, False, 1),
        ({"finished": 3, "never_ran": 1, "interrupted": 1}, True, False, 0),
        ({"finished": 3, "failed": 1, "never_ran": 1}, True, False, 1),
        ({"finished": 3}, False, False, 1),  # a searcher had more to propose
    ],
)
def test_the_exit_code_accounts_for_every_planned_trial(counts, budget, complete, code):
    found = exit_code(Counter(counts), signalled=0, budget_used=budget, complete=complete)
    assert found == code


def test_a_signal_decides_the_exit_code():
    counts = Counter(finished=1, never_ran=1)
    assert exit_code(counts, signalled=130, budget_used=False, complete=False) == 130


def test_a_trial_that_waits_for_another_attempt_counts_as_interrupted():
    history = History([*ended("a", "finished"), *ended("b", "failed", retry=True)])
    assert count(history, ["a", "b", "c"]) == {"finished": 1, "interrupted": 1, "never_ran": 1}


def test_only_finished_trials_can_be_best():
    history = History([*ended("a", "finished", 0.7), *ended("b", "stopped", 0.9)])
    assert best_on_record(history) == (0.7, "a")


def test_checkpoints_of_the_best_and_of_what_may_go_on_stay(tmp_path):
    rows = []
    for number in range(6):
        rows += ended(f"f{number}", "finished", number / 10)
    rows += [*ended("s", "stopped"), *ended("d", "diverged"), *ended("i", "interrupted")]
    history = History(rows)
    for name in history.trials:
        (tmp_path / name).mkdir()
    stay = remove_checkpoints(str(tmp_path), lambda there: surplus(history, 2, there=there))
    assert stay == {"f5", "f4", "s", "i"}
    assert {path.name for path in tmp_path.iterdir()} == {"f5", "f4", "s", "i"}


def test_the_small_end_of_the_front_and_the_best_of_each_size_stay():
    rows = []
    sizes = {"large": (900_000, 0.9), "twin": (800_000, 0.89), "other": (790_000, 0.88),
             "middle": (90_000, 0.5), "worse": (95_000, 0.4), "small": (9_000, 0.3)}  # fmt: skip
    for name, (parameters, accuracy) in sizes.items():
        rows += [
            Planned(name, {"epochs": 1, "seed": 0}, parameters, 7.0 * parameters, 0.5, time=0.0)
        ]
        rows += ended(name, "finished", accuracy)
    history = History(rows)
    assert set(surplus(history, keep=2)) == {"worse"}
    assert set(surplus(history, keep="front")) == {"worse"}
    assert surplus(history, keep="all") == []


def of_ranks(runs):
    """Finished trials, ``(rank, parameters, accuracies)`` each; a trial is named by rank, seed."""
    for rank, parameters, accuracies in runs:
        for seed, accuracy in enumerate(accuracies):
            name, config = f"{rank}/{seed}", {"epochs": 1, "rank": rank, "seed": seed}
            yield Planned(name, config, parameters, 7.0 * parameters, 0.5, time=0.0)
            yield from ended(name, "finished", accuracy)


@pytest.mark.parametrize(
    ("runs", "kept"),
    [  # a lucky run lies above the front of means; one run of a smaller network is no rival
        ([(2, 80_000, (0.95, 0.2)), (3, 90_000, (0.6, 0.61)), (4, 900_000, (0.9, 0.91))], "3/1"),
        ([(2, 80_000, (0.97,)), (3, 90_000, (0.9, 0.9, 0.9)), (4, 900_000, (0.98,) * 3)], "3/0"),
    ],
)
def test_what_is_named_as_best_at_its_size_stays(runs, kept):
    assert kept not in surplus(History(of_ranks(runs)), keep="front")


def test_a_configuration_that_is_best_with_more_seeds_keeps_the_best_run_that_has_a_checkpoint():
    (one, two) = ((2, 80_000, (0.8,)), (3, 80_000, (0.7,)))
    assert surplus(History(of_ranks([one, two])), 0, there={"2/0", "3/0"}) == ["3/0"]
    grown = History(of_ranks([(2, 80_000, (0.8, 0.5, 0.5)), (3, 80_000, (0.7, 0.69, 0.68))]))
    there = {"2/0", "2/1", "2/2", "3/1", "3/2"}
    away = surplus(grown, 0, there=there)
    assert best_on_record(grown)[1] == "3/0"
    assert best_on_record(grown, there=there)[1] == "3/1"
    assert there.difference(away) == {"2/0", "3/1"}  # that of the best single run, and of the mean


@pytest.mark.parametrize("number", range(100))
def test_what_is_best_within_any_limits_stays(number):
    """Studies that grew, or were interrupted: configurations with one to five runs each."""
    draw = random.Random(number)
    rows, sizes = [], []
    for rank in range(12):
        parameters, macs = draw.randint(80_000, 90_000), 1e6 * draw.randint(1, 9)
        sizes.append({"parameters": parameters, "macs": macs})
        seeds = [*range(draw.randint(1, 5)), *range(1000, 1000 + draw.choice((0, 0, 0, 2, 5)))]
        for seed in seeds:
            name, config = f"{rank}/{seed}", {"epochs": 1, "rank": rank, "seed": seed}
            rows += [Planned(name, config, parameters, macs, 0.5, time=0.0)]
            rows += ended(name, "finished", draw.randint(30, 90) / 100)
    history = History(rows)
    away = surplus(history, keep="front")
    limits = [{"parameters": a["parameters"], "macs": b["macs"]} for a in sizes for b in sizes]
    assert not {best_on_record(history, most)[1] for most in (*limits, {})}.intersection(away)


def test_the_first_signal_is_kept_and_its_echo_is_no_second_one(handlers, lines):
    with SignalHandler() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # as timeout does: the process, then its group
    assert signals.signal == signal.SIGTERM
    assert signals.exit_code == 143
    assert len(lines) == 1
    os.kill(os.getpid(), signal.SIGTERM)  # the process is on its way out: still its echo
    assert signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]


@pytest.mark.parametrize("by_nohup", [False, True])
def test_a_terminal_that_is_closed_asks_for_an_end_unless_it_is_ignored(handlers, by_nohup, lines):
    signal.signal(signal.SIGHUP, signal.SIG_IGN if by_nohup else signal.SIG_DFL)
    with SignalHandler() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
    assert signals.signal == (0 if by_nohup else signal.SIGHUP)
    assert by_nohup or signals.exit_code == 129


@pytest.mark.parametrize("begun", [None, "running trials save and end", "the report comes first"])
def test_a_signal_is_answered_with_what_follows_from_it_just_then(handlers, begun, lines):
    with SignalHandler() as signals:
        if begun:
            signals.begin(begun)
        os.kill(os.getpid(), signal.SIGINT)
    assert lines == [f"SIGINT: {begun or 'no trial begins'}; a second one stops at once"]


def test_without_a_signal_the_handlers_are_given_back(handlers):
    with SignalHandler():
        assert signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]
    assert {number: signal.getsignal(number) for number in SIGNALS} == handlers


def test_the_command_that_continues_does_not_begin_anew(tmp_path):
    outcome = Outcome(tmp_path, 1, "interrupted", best="a", best_accuracy=0.5, complete=False)
    command = shlex.join(["run_tune.py", "--space", "my space.toml", "--fresh", "--seeds", "3"])
    (line,) = [one for one in outcome.summary(command) if one.startswith("to continue: ")]
    assert line.endswith(" --space 'my space.toml' --seeds 3")


def test_a_mean_that_stands_beside_a_trial_says_that_it_is_one(tmp_path):
    mean = Outcome(tmp_path, 0, "done", best="a", best_accuracy=0.7, best_run=0.75)
    lines = mean.summary("")
    told = lines.index("best: 0.7000 a")
    assert lines[told + 1] == "  (the mean over its seeds; 0.7500 in this run)"
    for run in (0.09, 0.1469):
        guess = replace(mean, best_accuracy=0.1, best_run=run, best_learned=False)
        told = f"  (chance, at which a run counts that learned nothing; {run:.4f} in this run)"
        assert told in guess.summary("")
    alone = Outcome(tmp_path, 0, "done", best="a", best_accuracy=0.7, best_run=0.7)
    assert "best: 0.7000 a" in alone.summary("")


def test_the_run_whose_checkpoint_stays_for_the_best_one_is_named(tmp_path):
    outcome = Outcome(tmp_path, 0, "done", best="a", best_kept="a", best_accuracy=0.7, best_run=0.7)
    assert not [line for line in outcome.summary("") if "checkpoint" in line]
    (line,) = [one for one in replace(outcome, best_kept="b").summary("") if "checkpoint" in one]
    assert "its other run b has one" in line
