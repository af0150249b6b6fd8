"""The resources of a trial and of a node, and how many trials run at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

Custom = tuple[tuple[str, float], ...]
"""Amounts of Ray's custom resources, by name. Ray has one for each type of GPU on a node."""

TYPE = "accelerator_type:"


def of_type(accelerator_type: str) -> Custom:
    """A tiny amount of the custom resource of a GPU's type: restricts a trial to such nodes."""
    return ((f"{TYPE}{accelerator_type}", 0.001),)


@dataclass(frozen=True, slots=True)
class TrialResources:
    """The resources of one running trial: CPU cores, and a fraction of a GPU or whole GPUs.

    ``custom`` holds amounts of Ray's custom resources, by name.
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
    """One machine of the cluster; ``id`` is Ray's, "" for a machine that Ray has not reported."""

    name: str
    cpus: float
    gpus: float = 0.0
    custom: Custom = ()
    id: str = ""

    def capacity(self, resources: TrialResources) -> int:
        """How many trials run here at once; floor(1 / fraction) trials share a GPU."""
        limits = []
        if resources.gpus:
            cards, share = self.gpus, resources.gpus
            per_card = math.floor(1 / share + 1e-9) if share < 1 else 0
            limits.append(int(cards) * per_card if share < 1 else math.floor(cards / share + 1e-9))
        if resources.cpus:
            limits.append(math.floor(self.cpus / resources.cpus + 1e-9))
        available = dict(self.custom)
        for name, amount in resources.custom:
            limits.append(math.floor(available.get(name, 0.0) / amount + 1e-9))
        return min(limits) if limits else max(1, int(self.cpus))


def slots(
    nodes: Sequence[Node], resources: TrialResources, max_concurrent: int | None = None
) -> int:
    """Trials at once over all nodes; ``max_concurrent`` is --max-concurrent."""
    total = sum(node.capacity(resources) for node in nodes)
    return min(total, max_concurrent) if max_concurrent else total


def choose_resources(
    nodes: Sequence[Node], cpus: float | None, gpus: float | None, custom: Custom = ()
) -> TrialResources:
    """A trial's resources; by default one GPU where there are GPUs, else one core.

    A trial on a GPU requests no core by default, so that its fraction decides how many run at once.
    """
    has_gpu = any(node.gpus for node in nodes)
    gpus = (1.0 if has_gpu else 0.0) if gpus is None else float(gpus)
    cpus = (0.0 if gpus else 1.0) if cpus is None else float(cpus)
    return TrialResources(cpus, gpus, custom)


def threads(nodes: Sequence[Node], resources: TrialResources) -> int:
    """CPU threads of one trial, at least 1: its cores, or its share of a node with GPUs."""
    if resources.cpus:
        return max(1, int(resources.cpus))
    return max(1, min(int(node.cpus) // max(1, node.capacity(resources)) for node in nodes))


def problems(nodes: Sequence[Node], resources: TrialResources) -> list[str]:
    """Why no single node has these resources; empty where one has.

    Ray compares a request with each node, not with their sum, and would wait for ever.
    """
    if any(node.capacity(resources) for node in nodes):
        return []
    unmet = []
    most_gpus = max((node.gpus for node in nodes), default=0.0)
    most_cpus = max((node.cpus for node in nodes), default=0.0)
    if resources.gpus > most_gpus:
        have = f"at most {most_gpus:g} on one node" if most_gpus else "no GPU here"
        unmet.append(
            f"--gpus-per-trial {resources.gpus:g}: {have}; ask for less, or drop the option"
        )
    if resources.cpus > most_cpus:
        unmet.append(
            f"--cpus-per-trial {resources.cpus:g}: at most {most_cpus:g} on one node; ask for less"
        )
    unmet += _missing_custom(nodes, resources)
    return unmet or [f"no node has {resources} free for a trial"]


def _missing_custom(nodes: Sequence[Node], resources: TrialResources) -> Iterator[str]:
    for name, amount in resources.custom:
        if any(dict(node.custom).get(name, 0.0) >= amount for node in nodes):
            continue
        if name.startswith(TYPE):
            types = {resource.removeprefix(TYPE) for node in nodes for resource, _ in node.custom
                     if resource.startswith(TYPE)}  # fmt: skip
            hint = f"there are {', '.join(sorted(types))}" if types else "Ray finds no GPU"
            yield f"--accelerator-type {name.removeprefix(TYPE)}: no node has one; {hint}"
        else:
            yield (
                f"--resources {name}={amount:g}: no node has that much; start Ray's nodes with "
                f"--resources '{{\"{name}\": N}}', where N is the amount that the node has"
            )


def resource_tiers(nodes: Sequence[Node], resources: TrialResources) -> tuple[TrialResources, ...]:
    """The resources of a trial, then those after running out of memory: twice as much, then all."""
    if resources.gpus:
        alone = replace(resources, gpus=max(1.0, resources.gpus))
        double = replace(resources, gpus=min(2 * resources.gpus, alone.gpus))
    else:
        largest = max(node.cpus for node in nodes)
        alone = replace(resources, cpus=largest)
        double = replace(resources, cpus=min(2 * resources.cpus, largest))
    tiers = [resources]
    for tier in (double, alone):
        if tier != tiers[-1] and any(node.capacity(tier) for node in nodes):
            tiers.append(tier)
    return tuple(tiers)
