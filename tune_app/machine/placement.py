"""Where trials run: the share of each, how many at once, with how many threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune_app.command.errors import WrongUse
from tune_app.command.options import RunOptions
from tune_app.machine.resources import (
    Node,
    Share,
    choose_share,
    memory_ladder,
    problems,
    slots,
    threads,
)


@dataclass(frozen=True)
class Placement:
    """``ladder`` holds the ordinary share first, then the larger ones for trials that ran out of
    memory; ``most`` is --max-concurrent."""

    nodes: tuple[Node, ...]
    ladder: tuple[Share, ...]
    most: int | None = None

    def share(self, step: int) -> Share:
        """The share number ``step``; the last one where there are fewer."""
        return self.ladder[min(step, len(self.ladder) - 1)]

    def slots(self, step: int = 0) -> int:
        """Trials at once."""
        return slots(self.nodes, self.share(step), self.most)

    def threads(self, step: int = 0) -> int:
        """CPU threads of a trial."""
        return threads(self.nodes, self.share(step))


def place(nodes: Sequence[Node], options: RunOptions, gpus: float | None) -> Placement:
    """How a study's trials are placed on the nodes; ``gpus`` is a trial's part of a card.

    Raises:
        WrongUse: where no single node has what a trial asks for: Ray would wait for ever.
    """
    share = choose_share(nodes, options.cpus_per_trial, gpus)
    found = problems(nodes, share)
    if found:
        raise WrongUse(found)
    return Placement(tuple(nodes), memory_ladder(nodes, share), options.max_concurrent)
