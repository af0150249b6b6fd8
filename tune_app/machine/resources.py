"""How much of a machine a trial takes, and how many fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

Custom = tuple[tuple[str, float], ...]
"""Amounts of Ray's custom resources, by name; a card's type is one too, one on each node."""

TYPE = "accelerator_type:"


def of_type(accelerator_type: str) -> Custom:
    """A little of what Ray gives each node with cards of the type: it asks for the type alone."""
    return ((f"{TYPE}{accelerator_type}", 0.001),)


@dataclass(frozen=True, slots=True)
class TrialResources:
    """What one trial holds while it runs: CPU cores, and a fraction of a card or whole cards.

    ``custom`` are amounts of Ray's custom resources, by name.
    """

    cpus: float
    gpus: float = 0.0
    custom: Custom = ()

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU"] if self.cpus or not self.gpus else []
        parts += [f"{self.gpus:g} GPU"] if self.gpus else []
        parts += [
            name if name.startswith(TYPE) else f"{amount:g} {name}" for name, amount in self.custom
        ]
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster; ``id`` is Ray's, "" where Ray was not asked."""

    name: str
    cpus: float
    gpus: float = 0.0
    custom: Custom = ()
    id: str = ""

    def fits(self, resources: TrialResources) -> int:
        """How many trials run here at once; a card is shared by floor(1 / fraction)."""
        limits = []
        if resources.gpus:
            cards, rest = self.gpus, resources.gpus
            per_card = math.floor(1 / rest + 1e-9) if rest < 1 else 0
            limits.append(int(cards) * per_card if rest < 1 else math.floor(cards / rest + 1e-9))
        if resources.cpus:
            limits.append(math.floor(self.cpus / resources.cpus + 1e-9))
        there = dict(self.custom)
        for name, amount in resources.custom:
            limits.append(math.floor(there.get(name, 0.0) / amount + 1e-9))
        return min(limits) if limits else max(1, int(self.cpus))


def slots(
    nodes: Sequence[Node], resources: TrialResources, max_concurrent: int | None = None
) -> int:
    """Trials at once over all nodes; ``max_concurrent`` is --max-concurrent."""
    total = sum(node.fits(resources) for node in nodes)
    return min(total, max_concurrent) if max_concurrent else total


def choose_resources(
    nodes: Sequence[Node], cpus: float | None, gpus: float | None, custom: Custom = ()
) -> TrialResources:
    """A trial's resources where options leave them open: one core on CPUs, else one card.

    A trial on a card asks for no core unless told so: the fraction decides how many run at once.
    """
    has_gpu = any(node.gpus for node in nodes)
    gpus = (1.0 if has_gpu else 0.0) if gpus is None else float(gpus)
    cpus = (0.0 if gpus else 1.0) if cpus is None else float(cpus)
    return TrialResources(cpus, gpus, custom)


def threads(nodes: Sequence[Node], resources: TrialResources) -> int:
    """CPU threads of one trial, at least 1: its cores, or its part of the machine beside a card."""
    if resources.cpus:
        return max(1, int(resources.cpus))
    return max(1, min(int(node.cpus) // max(1, node.fits(resources)) for node in nodes))


def problems(nodes: Sequence[Node], resources: TrialResources) -> list[str]:
    """Why no single node has these resources; empty where one has.

    Ray would wait for ever: it compares a request with each node, never with their sum.
    """
    if any(node.fits(resources) for node in nodes):
        return []
    found = []
    most_gpus = max((node.gpus for node in nodes), default=0.0)
    most_cpus = max((node.cpus for node in nodes), default=0.0)
    if resources.gpus > most_gpus:
        have = f"at most {most_gpus:g} on one node" if most_gpus else "no GPU here"
        found.append(
            f"--gpus-per-trial {resources.gpus:g}: {have}; ask for less, or drop the option"
        )
    if resources.cpus > most_cpus:
        found.append(
            f"--cpus-per-trial {resources.cpus:g}: at most {most_cpus:g} on one node; ask for less"
        )
    found += _missing_custom(nodes, resources)
    return found or [f"no node has {resources} free for a trial"]


def _missing_custom(nodes: Sequence[Node], resources: TrialResources) -> Iterator[str]:
    for name, amount in resources.custom:
        if any(dict(node.custom).get(name, 0.0) >= amount for node in nodes):
            continue
        if name.startswith(TYPE):
            types = {one.removeprefix(TYPE) for node in nodes for one, _ in node.custom
                     if one.startswith(TYPE)}  # fmt: skip
            there = f"there are {', '.join(sorted(types))}" if types else "Ray finds no GPU"
            yield f"--accelerator-type {name.removeprefix(TYPE)}: no node has one; {there}"
        else:
            yield (
                f"--resources {name}={amount:g}: no node has that much; start Ray's nodes with "
                f"--resources '{{\"{name}\": N}}', where N is the amount that the node has"
            )


def resource_tiers(nodes: Sequence[Node], resources: TrialResources) -> tuple[TrialResources, ...]:
    """The shares a trial gets after running out of memory: its own, twice that, then alone."""
    if resources.gpus:
        alone = replace(resources, gpus=max(1.0, resources.gpus))
        double = replace(resources, gpus=min(2 * resources.gpus, alone.gpus))
    else:
        largest = max(node.cpus for node in nodes)
        alone = replace(resources, cpus=largest)
        double = replace(resources, cpus=min(2 * resources.cpus, largest))
    tiers = [resources]
    for tier in (double, alone):
        if tier != tiers[-1] and any(node.fits(tier) for node in nodes):
            tiers.append(tier)
    return tuple(tiers)
