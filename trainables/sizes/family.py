"""The interface of a layer family: from a shape and a rank rule to the size of a layer."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import LayerSize, RouteCost
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.reshape import dimensionize
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style

Ints = tuple[int, ...]


class Family(ABC):
    """One way to factorise a convolution: its arithmetic, its description and its look.

    A family without ranks keeps the defaults of the methods.

    Attributes:
        name: its key in SIZES, and the key of its module in LAYERS.
        help: one line for people who choose among the families.
        formula: its row in docs/layers.md.
        style: its look in charts.
        ranked: whether it has ranks.
        reshapes: whether `dims` matters to it.
        whole_kernel: whether its factors represent the kernel. If not, they represent the pointwise
            matrix that follows a depthwise convolution.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    formula: ClassVar[Formula]
    style: ClassVar[Style]
    ranked: ClassVar[bool] = True
    reshapes: ClassVar[bool] = False
    whole_kernel: ClassVar[bool] = False

    def at(self, spec: ConvSpec) -> "Family":
        """The family that a layer of this shape gets: at a 1x1 window some become another."""
        return self

    def modes(self, spec: ConvSpec, dims: int) -> Ints:
        """The dimensions that the out x in matrix is reshaped to; () where it is not reshaped."""
        return dimensionize(spec.out_channels, spec.in_channels, dims) if self.reshapes else ()

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        """The numbers that rank_scale is a fraction of, one for each rank."""
        return ()

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        """The wanted ranks, each lowered to the largest that its bond or mode can attain."""
        return wanted

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        """The smallest `rank` from which on the layer does not grow; for cp, that is exact."""
        return 1

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        """For each rank, the axes that form the rows of the matrix that has this rank.

        They are axes of the (out, in, k, k) kernel where `whole_kernel`, and else of the pointwise
        matrix reshaped to `modes`. () for a family whose error no singular values predict.
        """
        return ()

    @abstractmethod
    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        """How many parameters the factors have, without a bias."""

    @abstractmethod
    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost | None]:
        """Costs of the factorized and of the reconstructed route; None for a route that is none."""

    @final
    def resolve(self, spec: ConvSpec, rule: RankRule) -> tuple[Ints, Ints]:
        """The (modes, ranks) that a rule gives.

        Raises:
            ValueError: when the family needs a rank and the rule gives none.
        """
        modes = self.modes(spec, rule.dims)
        if not self.ranked:
            return modes, ()
        wanted = rule.resolve(spec.out_channels, self.dimensions(spec, modes))
        return modes, self.attainable(spec, modes, wanted)

    @final
    def size(self, spec: ConvSpec, rule: RankRule) -> LayerSize:
        """The layer that a rule asks for, with its ranks resolved."""
        family = self.at(spec)
        return family._measure(spec, *family.resolve(spec, rule))

    @final
    def size_at(self, spec: ConvSpec, ranks: Ints, dims: int = 3) -> LayerSize:
        """The layer with these ranks, one for each bond or mode, lowered to what is attainable.

        Raises:
            ValueError: when the family has more or fewer ranks at that reshaping, or one of them
                is below 1.
        """
        family = self.at(spec)
        modes = family.modes(spec, dims)
        expected = len(family.dimensions(spec, modes))
        if len(ranks) != expected or any(rank < 1 for rank in ranks):
            ranks_of = "1 rank" if expected == 1 else f"{expected} ranks"
            raise ValueError(
                f"{self.name} takes {ranks_of} of at least 1 for {spec}"
                f"{f' reshaped to {modes}' if modes else ''}, got {ranks}"
            )
        return family._measure(spec, modes, family.attainable(spec, modes, ranks) if ranks else ())

    @final
    def highest_rank(self, spec: ConvSpec, dims: int) -> int:
        """The `rank` from which on a layer of this shape does not grow."""
        family = self.at(spec)
        return family.full_rank(spec, family.modes(spec, dims))

    def _measure(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> LayerSize:
        factorized, reconstructed = self.routes(spec, modes, ranks)
        parameters = self.parameters(spec, modes, ranks)
        return LayerSize(self.name, spec, modes, ranks, parameters, factorized, reconstructed)
