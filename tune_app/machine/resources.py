"""How much of a machine a trial takes, and how many fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """What one trial holds while it runs: CPU cores, and a fraction of a card or whole cards."""

    cpus: float
    gpus: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU"] if self.cpus or not self.gpus else []
        return " and ".join(parts + ([f"{self.gpus:g} GPU"] if self.gpus else []))


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster."""

    name: str
    cpus: float
    gpus: float = 0.0

    def fits(self, share: Share) -> int:
        """How many trials run here at once; a card is shared by floor(1 / fraction)."""
        limits = []
        if share.gpus:
            cards, rest = self.gpus, share.gpus
            per_card = math.floor(1 / rest + 1e-9) if rest < 1 else 0
            limits.append(int(cards) * per_card if rest < 1 else math.floor(cards / rest + 1e-9))
        if share.cpus:
            limits.append(math.floor(self.cpus / share.cpus + 1e-9))
        return min(limits) if limits else max(1, int(self.cpus))


def slots(nodes: Sequence[Node], share: Share, most: int | None = None) -> int:
    """Trials at once over all nodes; ``most`` is --max-concurrent."""
    total = sum(node.fits(share) for node in nodes)
    return min(total, most) if most else total


def choose_share(nodes: Sequence[Node], cpus: float | None, gpus: float | None) -> Share:
    """The share of a trial where options leave it open: one core on CPUs, else one card.

    A trial on a card asks for no core unless told so: the fraction decides how many run at once.
    """
    has_gpu = any(node.gpus for node in nodes)
    gpus = (1.0 if has_gpu else 0.0) if gpus is None else float(gpus)
    cpus = (0.0 if gpus else 1.0) if cpus is None else float(cpus)
    return Share(cpus, gpus)


def threads(nodes: Sequence[Node], share: Share) -> int:
    """CPU threads of one trial, at least 1: its cores, or its part of the machine beside a card."""
    if share.cpus:
        return max(1, int(share.cpus))
    return max(1, min(int(node.cpus) // max(1, node.fits(share)) for node in nodes))


def problems(nodes: Sequence[Node], share: Share) -> list[str]:
    """Why the share can be had on no single node; empty where it can.

    Ray would wait for ever: it compares a request with each node, never with their sum.
    """
    if any(node.fits(share) for node in nodes):
        return []
    found = []
    most_gpus = max((node.gpus for node in nodes), default=0.0)
    most_cpus = max((node.cpus for node in nodes), default=0.0)
    if share.gpus > most_gpus:
        have = f"at most {most_gpus:g} on one node" if most_gpus else "no GPU here"
        found.append(f"--gpus-per-trial {share.gpus:g}: {have}; ask for less, or drop the option")
    if share.cpus > most_cpus:
        found.append(
            f"--cpus-per-trial {share.cpus:g}: at most {most_cpus:g} on one node; ask for less"
        )
    return found or [f"no node has {share} free for a trial"]


def memory_ladder(nodes: Sequence[Node], share: Share) -> tuple[Share, ...]:
    """The shares a trial gets after running out of memory: its own, twice that, then alone."""
    if share.gpus:
        alone = Share(share.cpus, max(1.0, share.gpus))
        double = Share(share.cpus, min(2 * share.gpus, alone.gpus))
    else:
        most = max(node.cpus for node in nodes)
        alone = Share(most)
        double = Share(min(2 * share.cpus, most))
    ladder = [share]
    for step in (double, alone):
        if step != ladder[-1] and any(node.fits(step) for node in nodes):
            ladder.append(step)
    return tuple(ladder)
