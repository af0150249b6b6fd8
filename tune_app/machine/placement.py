"""Where trials run: their resources, their number at once, and their threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.resources import (
    Node,
    TrialResources,
    choose_resources,
    of_type,
    problems,
    resource_tiers,
    slots,
    threads,
)

NAMED = 5
"""Nodes that a remark names."""


@dataclass(frozen=True)
class Placement:
    """The nodes, and the resources of a trial.

    Attributes:
        nodes: of the machine or cluster.
        tiers: the ordinary resources first, then larger ones for trials that ran out of memory.
        max_concurrent: the option --max-concurrent.
        is_joined: whether the nodes are those of a cluster, whose number may change.
    """

    nodes: tuple[Node, ...]
    tiers: tuple[TrialResources, ...]
    max_concurrent: int | None = None
    is_joined: bool = False

    def resources(self, tier: int) -> TrialResources:
        """The resources of a tier, or of the last one where there are fewer."""
        return self.tiers[min(tier, len(self.tiers) - 1)]

    def slots(self, tier: int = 0) -> int:
        """Trials at once."""
        return slots(self.nodes, self.resources(tier), self.max_concurrent)

    @property
    def idle_remark(self) -> str:
        """Which nodes have cores and take no trial, and why; "" where there is none."""
        idle = [
            node.name for node in self.nodes if node.cpus and not node.capacity(self.resources(0))
        ]
        if not idle:
            return ""
        more = f" and {len(idle) - NAMED} more" if len(idle) > NAMED else ""
        each = self.resources(0)
        remedy = "; --gpus-per-trial 0 trains on CPUs alone, on all nodes" if each.gpus else ""
        named = ", ".join(idle[:NAMED])
        return f"no trial fits on {named}{more}, as each takes {each}{remedy}"

    def threads(self, tier: int = 0) -> int:
        """CPU threads of a trial."""
        return threads(self.nodes, self.resources(tier))


def assign_resources(nodes: Sequence[Node], options: RunOptions, gpus: float | None) -> Placement:
    """The placement of a study's trials on the nodes; ``gpus`` is the number of GPUs per trial.

    Raises:
        UsageError: where no single node has a trial's resources: Ray would wait for ever.
    """
    custom = options.resources
    if options.accelerator_type:
        custom += of_type(options.accelerator_type)
    resources = choose_resources(nodes, options.cpus_per_trial, gpus, custom)
    joined = options.address is not None
    unmet = problems(nodes, resources)
    if unmet and not (joined and options.max_concurrent):
        if joined:
            unmet.append("if the cluster adds nodes by itself, limit it with --max-concurrent N")
        raise UsageError(unmet)
    tiers = (resources,) if unmet else resource_tiers(nodes, resources)
    return Placement(tuple(nodes), tiers, options.max_concurrent, joined)
