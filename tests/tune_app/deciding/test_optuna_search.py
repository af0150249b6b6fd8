"""Optuna as a searcher: the past is told, the running is not suggested again."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from analysis.record.rows import Alias, Ended, Epoch, Infeasible, Planned, Started
from search_spaces.grammar.domains import Choice, Float
from search_spaces.grammar.key import Key
from tests.tune_app.workload import RULES, plan_of, planned, space
from tune_app.command.options import RunOptions
from tune_app.deciding.optuna_search import OptunaSearch, point_of
from tune_app.deciding.searcher import SearchContext
from tune_app.planning.parsed_point import PointRules
from tune_app.planning.plan import make_plan
from tune_app.planning.rows import planned_row
from tune_app.record.history import History

NETWORK = (
    f"{Path(__file__).resolve().parents[2] / 'fixtures' / 'networks' / 'ten_lines.py'}:make_net"
)
CHOICES = space(
    keys={"rank": Key(Choice((2, 4, 8))), "learning_rate": Key(Choice((0.1, 0.2)))},
    fixed={"layer": "low_rank", "width": 8, "epochs": 9},
)
CONDITIONAL = space(
    keys={
        "layer": Key(Choice(("dense", "low_rank"))),
        "rank": Key(Choice((2, 4, 8)), when={"layer": ("low_rank",)}),
        "learning_rate": Key(Float(0.01, 1.0, log=True)),
    },
    fixed={"width": 8, "epochs": 9},
)


class Search:
    """A searcher with a record in memory, run as the dispatcher runs it."""

    def __init__(
        self, searched=CONDITIONAL, count=12, rows=(), again=frozenset(), plan=None, **changes
    ):
        self.rows = list(rows)
        self.history = History(self.rows)
        objectives = changes.pop("objectives", ("val_accuracy",))
        plan = plan or plan_of([], space=searched, search="optuna", open_ended=count, **changes)
        context = SearchContext(plan, self.history, objectives, 0, again, self.write)
        self.searcher = OptunaSearch(context)

    def write(self, *rows):
        self.rows.extend(rows)
        for row in rows:
            self.history.apply(row)

    def start(self):
        trial = self.searcher.propose()
        if trial is not None:
            if self.history[trial.trial_id].planned is None:
                self.write(planned_row(trial, time=0.0, search="optuna"))
            self.write(Started(trial.trial_id, 1, 0.0))
        return trial

    def end(self, trial, value, status="finished", epoch=9):
        self.write(Epoch(trial.trial_id, 1, 0.0, epoch, 0.5, value, val_accuracy=value))
        self.write(Ended(trial.trial_id, 1, 0.0, status, epoch))
        self.searcher.tell(trial.trial_id, self.history[trial.trial_id])

    def run(self, value=lambda trial: 0.5):
        trials = []
        while trial := self.start():
            trials.append(trial)
            self.end(trial, value(trial))
        return trials

    @property
    def states(self):
        return [trial.state for trial in self.searcher.study.trials]


def test_a_whole_search_proposes_distinct_trials_and_tells_their_results():
    search = Search()
    trials = search.run(lambda trial: 0.9 - trial.config.learning_rate / 2)
    assert len({trial.trial_id for trial in trials}) == len(trials) == 12
    assert search.searcher.exhausted
    assert search.states == [TrialState.COMPLETE] * 12
    assert {trial.config.layer for trial in trials} == {"dense", "low_rank"}
    assert all((trial.config.rank is None) == (trial.config.layer == "dense") for trial in trials)


def test_the_search_finds_the_better_end():
    trials = Search(count=40).run(lambda trial: 1 - abs(trial.config.learning_rate - 0.1))
    late = [abs(trial.config.learning_rate - 0.1) for trial in trials[20:]]
    early = [abs(trial.config.learning_rate - 0.1) for trial in trials[:10]]
    assert sorted(late)[len(late) // 2] < sorted(early)[len(early) // 2]


def test_what_runs_is_not_suggested_again():
    search = Search(CHOICES, count=6)
    running = []
    while trial := search.start():
        running.append(trial.trial_id)
    assert len(set(running)) == len(running) <= 6
    assert len(running) >= 5  # six points there are; the sampler may not have met the last one


def test_a_space_that_is_used_up_ends_the_search():
    search = Search(CHOICES, count=50)
    assert len(search.run()) == 6
    assert search.searcher.exhausted


def test_a_stopped_trial_is_never_told_as_final():
    search = Search()
    search.end(search.start(), 0.99, status="stopped", epoch=3)
    (told,) = search.searcher.study.trials
    assert told.state == TrialState.PRUNED
    assert told.intermediate_values == {3: 0.99}


def test_a_diverged_trial_is_told_the_worst_value():
    search = Search()
    search.end(search.start(), 0.99, status="diverged", epoch=3)
    assert search.searcher.study.trials[0].value == 0.0


def test_a_failed_trial_is_told_as_failed():
    search = Search()
    search.end(search.start(), 0.99, status="failed", epoch=3)
    assert search.states == [TrialState.FAIL]


def test_a_continued_search_knows_the_past_and_asks_for_the_rest():
    first = Search(count=20)
    done = [first.start() for _ in range(8)]
    for number, trial in enumerate(done):
        first.end(trial, number / 10)
    second = Search(count=20, rows=first.rows)
    values = [trial.value for trial in second.searcher.study.trials]
    assert values == pytest.approx([number / 10 for number in range(8)])
    rest = second.run()
    assert len(rest) == 12
    assert not {trial.trial_id for trial in rest} & {trial.trial_id for trial in done}


def test_an_unfinished_trial_goes_on_first_and_is_not_asked_for_again():
    first = Search(count=5)
    first.end(first.start(), 0.4)
    half = first.start()
    first.write(Epoch(half.trial_id, 1, 0.0, 2, 0.5, 0.3, val_accuracy=0.3))
    second = Search(count=5, rows=first.rows, again=frozenset({half.trial_id}))
    trials = second.run()
    assert trials[0].trial_id == half.trial_id
    assert len(trials) == 4


def test_a_point_counts_when_all_its_seeds_have_ended():
    search = Search(count=3, seeds=(0, 1))
    one, two = search.start(), search.start()
    assert (one.config.seed, two.config.seed) == (0, 1)
    search.end(one, 0.4)
    assert search.states == [TrialState.RUNNING]
    search.end(two, 0.6)
    assert search.searcher.study.trials[0].value == pytest.approx(0.5)
    assert len(search.run()) == 4


def test_an_infeasible_point_is_on_record_and_told_as_such():
    rules = PointRules(RULES.resolved, max_parameters=5_000)
    search = Search(CONDITIONAL, count=6, rules=rules)
    search.run()
    refused = [row for row in search.rows if isinstance(row, Infeasible)]
    assert refused
    assert all("max-parameters" in row.reason for row in refused)
    told = [one for one in search.searcher.study.trials if one.constraints]
    assert len(told) == len(refused)
    assert all(one.state == TrialState.PRUNED for one in told)


def test_several_objectives_use_nsga2_and_have_a_front():
    search = Search(CONDITIONAL, count=16, objectives=("val_accuracy", "parameters"))
    search.run(lambda trial: 0.5 + trial.size.parameters / 1e6)
    study = search.searcher.study
    assert isinstance(study.sampler, optuna.samplers.NSGAIISampler)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.best_trials


def test_results_of_a_grid_in_the_same_study_are_told_but_not_counted():
    grid = Search(CHOICES, count=2)
    trial = grid.start()
    rows = [
        *[row for row in grid.rows if not isinstance(row, Planned)],
        planned_row(trial, time=0.0, search="grid"),
        Epoch(trial.trial_id, 1, 0.0, 9, 0.5, 0.7, val_accuracy=0.7),
        Ended(trial.trial_id, 1, 0.0, "finished", 9),
    ]
    search = Search(CHOICES, count=2, rows=rows)
    assert [one.value for one in search.searcher.study.trials] == [0.7]
    assert len(search.run()) == 2


def test_one_network_that_two_families_write_is_trained_once():
    searched = space(
        keys={"layer": Key(Choice(("low_rank", "tensor_train"))), "rank": Key(Choice((2, 4)))},
        fixed={"dims": 2, "width": 8, "epochs": 9},
    )
    search = Search(searched, count=50)
    assert len(search.run()) == 2
    aliases = {row.same_as for row in search.rows if isinstance(row, Alias)}
    assert aliases <= {row.trial_id for row in search.rows if isinstance(row, Planned)}
    assert len(aliases) == 2
    again = Search(searched, count=50, rows=search.rows)
    assert again.run() == []


@pytest.fixture
def start(tmp_path) -> str:
    """A starting point, as far as a plan reads it."""
    network = {"layer": "low_rank", "width": 4, "classes": 10, "dims": 3, "ranks": "2/2/2/2/2/2/2"}
    state = {"starting_point": network, "tensors_blake2b": "0123456789abcdef" * 2}
    (tmp_path / "state.json").write_text(json.dumps(state))
    return str(tmp_path)


RATES = {"learning_rate": Key(Float(0.01, 1.0, log=True))}


@pytest.mark.parametrize(
    ("keys", "fixed"),
    [
        ({}, {"init": "START"}),
        ({"init": ("START",)}, {}),
        ({"precision": ("auto", "fp16")}, {"width": 8}),
        pytest.param({}, {"network": NETWORK}, marks=pytest.mark.seconds),
        pytest.param({"network": (NETWORK, "resnet9")}, {}, marks=pytest.mark.seconds),
    ],
)
def test_values_that_a_plan_resolves_are_recognised_on_record(keys, fixed, start, tmp_path):
    """What is written as a folder or a file is on record with the digest of what it holds."""

    def written(*values):
        return tuple(start if value == "START" else value for value in values)

    searched = space(
        keys={name: Key(Choice(written(*values))) for name, values in keys.items()} | RATES,
        fixed=dict(zip(fixed, written(*fixed.values()), strict=True)) | {"epochs": 9},
    )
    options = RunOptions(
        space="", search="optuna", num_samples=3, dataset="digits", results_dir=tmp_path
    )
    first = Search(plan=make_plan(options, searched))
    trials = first.run()
    assert len({trial.trial_id for trial in trials}) == 3
    again = Search(plan=make_plan(options, searched), rows=first.rows)
    assert again.run() == []
    assert again.states == [TrialState.COMPLETE] * 3


@pytest.mark.parametrize("other", [{"dataset": "digits"}, {"precision": "bf16"}, {"dims": 4}])
def test_a_trial_that_differs_where_the_space_says_nothing_is_no_point_of_it(other):
    ours, others = planned(learning_rate=0.1), planned(learning_rate=0.1, **other)
    plan = plan_of([], search="optuna", open_ended=3)
    assert point_of(plan, planned_row(ours, time=0.0)) == {"learning_rate": 0.1}
    if ours.trial_id != others.trial_id:
        assert point_of(plan, planned_row(others, time=0.0)) is None
