"""The size that a trained network is to be compressed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import NetworkSize
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

SIZES_OF = {
    "uniform": ("compression", "parameters", "rank"),
    "energy": ("compression", "parameters", "energy"),
    "greedy": ("compression", "parameters"),
}
"""The rules that choose each layer's ranks, and the sizes that each rule accepts."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a network is compressed to: one of four sizes, and a rule for the ranks of each layer.

    Attributes:
        layer: the family, a key of SIZES.
        parameters: the most parameters of the whole network.
        compression: the same as a share of the dense network's, in (0, 1].
        rank: one rank for all layers.
        energy: the share of each kernel's ‖W‖² to keep, in (0, 1], of what the family can
            represent.
        rule: a key of SIZES_OF. None is "energy" for an energy, "uniform" for a rank and for
            families whose error no singular values predict, and otherwise "greedy".
        dims: number of dimensions that a matrix is reshaped to.
    """

    layer: str
    parameters: int | None = None
    compression: float | None = None
    rank: int | None = None
    energy: float | None = None
    rule: str | None = None
    dims: int = 3

    def __post_init__(self) -> None:
        """Raise ValueError listing every problem."""
        if problems := self._problems():
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        problems = []
        families = [name for name in SIZES if name != "dense"]
        if self.layer not in families:
            problems.append(f"--layer must be one of {', '.join(families)}, got {self.layer!r}")
        elif not SIZES[self.layer].ranked and (self.sizes or self.rule):
            given = [*self.sizes, *(["ranks"] if self.rule else [])]
            pronoun = "it" if len(given) == 1 else "them"
            problems.append(f"{self.layer} has no rank, got {' and '.join(given)}; drop {pronoun}")
        elif SIZES[self.layer].ranked and len(self.sizes) != 1:
            keys = "parameters, compression, rank, energy"
            problems.append(f"give one of {keys}, got {' and '.join(self.sizes) or 'none'}")
        if self.dims < 1:
            problems.append(f"dims must be at least 1, got {self.dims}")
        for name in ("parameters", "rank"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f"{name} must be at least 1, got {value}")
        for name in ("compression", "energy"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                problems.append(f"{name} must lie in (0, 1], got {share}")
        return problems or self._rule_problems()

    def _rule_problems(self) -> list[str]:
        if self.rule not in (None, *SIZES_OF):
            return [f"--ranks must be one of {', '.join(SIZES_OF)}, got {self.rule!r}"]
        accepted = SIZES_OF[self.chosen_rule]
        if self.sizes and self.sizes[0] not in accepted:
            return [f"ranks {self.chosen_rule} takes {' or '.join(accepted)}, got {self.sizes[0]}"]
        if not self._has_spectrum and self.chosen_rule != "uniform":
            return [
                f"no singular values predict the error of {self.layer}: its --ranks must be "
                f"uniform, got {self.chosen_rule}"
            ]
        return []

    @property
    def sizes(self) -> list[str]:
        """Which of the four sizes were given."""
        keys = ("parameters", "compression", "rank", "energy")
        return [key for key in keys if getattr(self, key) is not None]

    @property
    def chosen_rule(self) -> str:
        """The rule that is in force."""
        if self.rule is not None:
            return self.rule
        if self.energy is not None:
            return "energy"
        greedy = self._has_spectrum and self.rank is None
        return "greedy" if greedy else "uniform"

    @property
    def _has_spectrum(self) -> bool:
        """Whether singular values predict the error of the family."""
        family, spec = SIZES[self.layer], ConvSpec(1, 1)
        return bool(family.unfoldings(spec, family.modes(spec, self.dims)))

    def architecture(self, dense: NetworkSize) -> Architecture:
        """The network of the size that was asked for, with one rank for all layers."""
        size = {name: getattr(self, name) for name in ("parameters", "compression", "rank")}
        return self._of(dense, **size)

    def with_ranks(self, dense: NetworkSize, ranks: str | None) -> Architecture:
        """The network with these ranks for each layer; None for a family without ranks."""
        return self._of(dense, ranks=ranks)

    def _of(self, dense: NetworkSize, **size: Any) -> Architecture:
        """The dense network with its layers replaced by this family."""
        architecture = dense.architecture
        return Architecture(
            self.layer,
            dense.width,
            architecture.classes,
            dims=self.dims,
            table=architecture.table,
            replace=architecture.replace,
            keep=architecture.keep,
            **size,
        )
