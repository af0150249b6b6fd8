"""How many trials share a card or a machine, by count and in Ray's own hands."""

import os
from pathlib import Path

import pytest
import ray

from tests.tune_app.ray_engine import PRELOAD, Engine
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.placement import assign_resources
from tune_app.machine.resources import (
    Node,
    TrialResources,
    choose_resources,
    problems,
    resource_tiers,
    slots,
    threads,
)
from tune_app.nodes import cluster

TWO_CARDS = [Node("here", cpus=2, gpus=2)]


@pytest.mark.parametrize(
    ("fraction", "count"), [(0.25, 8), (0.4, 4), (0.5, 4), (1, 2), (2, 1), (0.1, 20), (1 / 3, 6)]
)
def test_a_fraction_is_shared_out_card_by_card(fraction, count):
    assert slots(TWO_CARDS, TrialResources(0, fraction)) == count


def test_a_share_is_one_core_without_cards_and_one_card_with_them():
    assert choose_resources([Node("a", 8)], None, None) == TrialResources(1.0, 0.0)
    assert choose_resources(TWO_CARDS, None, None) == TrialResources(0.0, 1.0)
    assert choose_resources(TWO_CARDS, None, 0) == TrialResources(1.0, 0.0)
    assert choose_resources(TWO_CARDS, 0.5, 0.25) == TrialResources(0.5, 0.25)


def test_what_no_single_node_has_is_refused_though_all_together_have_it():
    nodes = [Node("a", cpus=4, gpus=1), Node("b", cpus=4, gpus=1)]
    assert problems(nodes, TrialResources(0, 2)) == [
        "--gpus-per-trial 2: at most 1 on one node; ask for less, or drop the option"
    ]
    assert "--cpus-per-trial 8: at most 4 on one node" in problems(nodes, TrialResources(8))[0]
    assert not problems(nodes, TrialResources(4, 1))
    with pytest.raises(UsageError, match="at most 1 on one node"):
        assign_resources(nodes, RunOptions(space="x"), 2)


def test_nodes_that_take_no_trial_beside_others_are_named_once():
    head = Node("head", 0)
    cards, rest = Node("a", 4, gpus=1), [Node(f"c{number}", 8) for number in range(7)]
    placed = assign_resources([head, cards, *rest], RunOptions(space="x"), None)
    assert placed.idle_remark == (
        "no trial fits on c0, c1, c2, c3, c4 and 2 more, as each takes 1 GPU; "
        "--gpus-per-trial 0 trains on CPUs alone, on all nodes"
    )
    small = assign_resources([Node("a", 8), Node("b", 2)], RunOptions("x", cpus_per_trial=4), None)
    assert small.idle_remark == "no trial fits on b, as each takes 4 CPU"
    assert not assign_resources([head, *rest], RunOptions(space="x"), None).idle_remark


def test_a_custom_resource_caps_the_trials_of_each_node_that_declares_it():
    nodes = [
        Node("a", 64, custom=(("trial", 4.0),)),
        Node("b", 2, custom=(("trial", 4.0),)),
        Node("c", 64),
    ]
    placed = assign_resources(nodes, RunOptions(space="x", resources=(("trial", 1.0),)), None)
    assert [node.capacity(placed.resources(0)) for node in nodes] == [4, 2, 0]
    assert str(placed.resources(0)) == "1 CPU and 1 trial"
    assert all(tier.custom == (("trial", 1.0),) for tier in placed.tiers)
    with pytest.raises(
        UsageError, match="no node has that much; start Ray's nodes with --resources"
    ):
        assign_resources(nodes, RunOptions(space="x", resources=(("slot", 1.0),)), None)


def test_a_type_of_card_is_one_of_those_that_nodes_have():
    nodes = [
        Node("a", 8, 4, custom=(("accelerator_type:A100", 1.0),)),
        Node("b", 8, 8, custom=(("accelerator_type:T4", 1.0),)),
    ]
    placed = assign_resources(nodes, RunOptions(space="x", accelerator_type="A100"), 0.5)
    assert [node.capacity(placed.resources(0)) for node in nodes] == [8, 0]
    with pytest.raises(UsageError, match="H100: no node has one; there are A100, T4"):
        assign_resources(nodes, RunOptions(space="x", accelerator_type="H100"), 0.5)


def test_a_trial_that_ran_out_of_memory_gets_twice_as_much_then_the_whole():
    assert resource_tiers(TWO_CARDS, TrialResources(0, 0.2)) == (
        TrialResources(0, 0.2),
        TrialResources(0, 0.4),
        TrialResources(0, 1.0),
    )
    assert resource_tiers(TWO_CARDS, TrialResources(0, 0.5)) == (
        TrialResources(0, 0.5),
        TrialResources(0, 1.0),
    )
    assert resource_tiers([Node("a", 8)], TrialResources(1)) == (
        TrialResources(1),
        TrialResources(2),
        TrialResources(8),
    )
    assert resource_tiers([Node("a", 1)], TrialResources(1)) == (TrialResources(1),)


def test_threads_are_the_cores_a_trial_has():
    assert threads([Node("a", 8)], TrialResources(2)) == 2
    assert threads([Node("a", 8)], TrialResources(0.5)) == 1
    assert threads([Node("a", 16, gpus=1)], TrialResources(0, 0.25)) == 4


@pytest.fixture(scope="module")
def two_pretended_cards():
    cluster.start(None, cpus=2, gpus=2, preload=PRELOAD, store_bytes=80_000_000)
    yield
    cluster.stop()


@pytest.mark.ray
@pytest.mark.parametrize(("fraction", "at_once"), [(0.25, 8), (0.4, 4)])
def test_ray_runs_as_many_trials_at_once_as_fit_the_cards(
    two_pretended_cards, tmp_path, fraction, at_once
):
    engine = Engine(tmp_path)
    trials = some_trials(at_once + 1, epochs=2)
    script = {"seconds": 0.2, "together": at_once}
    outcome = engine.run(plan_of(trials), script, slots=None, gpus_per_trial=fraction)
    assert outcome.exit_code == 0
    assert most_at_once(engine.folder) == at_once


@pytest.mark.ray
def test_a_card_that_torch_cannot_use_is_told_in_a_sentence(two_pretended_cards, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match=r"the GPU that Ray counts on .* cannot be used: \w+Error"):
        Engine(tmp_path).run(plan_of(some_trials(1)), slots=None, gpus_per_trial="auto")
    assert not list(tmp_path.glob("scripted/ledger.jsonl"))


@pytest.mark.ray
def test_workers_have_the_priority_that_the_command_was_given(two_pretended_cards):
    """Ray puts them 15 below it: a trial beside six busy processes had not begun after 150 s."""
    assert ray.get(ray.remote(lambda: os.nice(0)).remote()) == os.nice(0)


def most_at_once(study: Path) -> int:
    """From the record's starts and ends."""
    from analysis.record.record import read_record
    from analysis.record.rows import Ended, Started

    running = most = 0
    events = [row for row in read_record(study).rows if isinstance(row, Started | Ended)]
    for row in sorted(events, key=lambda row: (row.time, isinstance(row, Started))):
        running += 1 if isinstance(row, Started) else -1
        most = max(most, running)
    return most
