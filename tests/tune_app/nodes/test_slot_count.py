"""Slots follow the cluster: nodes that come are used, those that are asked for waited for."""

import itertools

from tune_app.machine.placement import Placement
from tune_app.machine.resources import Node, TrialResources
from tune_app.nodes.slot_count import SlotCount

ONE_CORE = (TrialResources(1),)


def counts(changes, **placement) -> list[int]:
    """What a count says after each change of the nodes, a minute apart."""
    there = iter(changes)
    minutes = itertools.count(0, 60)
    made = Placement((), ONE_CORE, **placement)
    count = SlotCount(made, 0, ask=lambda: next(there), clock=lambda: float(next(minutes)))
    return [count() for _ in changes]


def test_a_node_that_comes_is_used_and_one_that_goes_is_not():
    one, two = [Node("a", 2)], [Node("a", 2), Node("b", 4)]
    assert counts([one, two, one]) == [2, 6, 2]
    assert counts([one, two, one], is_joined=True) == [2, 6, 2]
    assert counts([one, two], max_concurrent=3) == [2, 3]


def test_a_change_of_the_slots_is_told_once(caplog):
    caplog.set_level("INFO")
    one, two = [Node("a", 1)], [Node("a", 1), Node("b", 4)]
    counts([one, one, two, two, one])
    assert caplog.messages == [
        "the cluster has 5 slots now, 1 before: its nodes changed",
        "the cluster has 1 slot now, 5 before: its nodes changed",
    ]


def test_what_a_cluster_may_grow_to_waits_for_it_to_grow():
    nodes = [[], [Node("a", 2)], [Node("a", 2), Node("b", 8)]]
    assert counts(nodes, is_joined=True, max_concurrent=16) == [1, 4, 16]


def test_a_node_that_refused_counts_for_nothing():
    refused = set()
    nodes = [Node("a", 2, id="1"), Node("b", 4, id="2")]
    minutes = itertools.count(0, 60)
    count = SlotCount(
        Placement((), ONE_CORE), 0, refused=refused, ask=lambda: nodes,
        clock=lambda: float(next(minutes)),
    )  # fmt: skip
    assert count() == 6
    refused.add("2")
    assert count() == 2


def test_a_cluster_without_nodes_still_asks_for_one():
    assert counts([[]], is_joined=True) == [1]
