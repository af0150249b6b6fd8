"""The interface of a layer family: a shape and a rank rule in, a layer's size out."""

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
    """One way to factorise a convolution: its arithmetic, and all that is said of it elsewhere.

    The formulas of a family live in its file. A family without ranks keeps the defaults.

    name: its key in SIZES, and that of its module in LAYERS.
    help: one line for people who choose among the families.
    formula: its row in docs/layers.md. style: its look in charts.
    ranked: whether it has ranks. reshapes: whether `dims` matters to it.
    whole_kernel: whether its factors stand for the kernel; else for the pointwise matrix that
        follows a depthwise convolution.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    formula: ClassVar[Formula]
    style: ClassVar[Style]
    ranked: ClassVar[bool] = True
    reshapes: ClassVar[bool] = False
    whole_kernel: ClassVar[bool] = False

    def at(self, spec: ConvSpec) -> "Family":
        """The family that this one is at a shape: at a 1x1 window some become another."""
        return self

    def modes(self, spec: ConvSpec, dims: int) -> Ints:
        """The dimensions the out x in matrix is reshaped to, () where nothing is reshaped."""
        return dimensionize(spec.out_channels, spec.in_channels, dims) if self.reshapes else ()

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        """What rank_scale is a fraction of, one number for each rank."""
        return ()

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        """The wanted ranks, none above what its place can attain."""
        return wanted

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        """The smallest `rank` from which on nothing grows, or, for cp, everything is exact."""
        return 1

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        """For each rank the axes that are the rows of the matrix whose rank it is.

        Axes of the (out, in, k, k) kernel where `whole_kernel`, else of the pointwise matrix, which
        is reshaped to `modes` where there are any. () where no matrix's singular values tell what a
        rank keeps.
        """
        return ()

    @abstractmethod
    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        """How many numbers the factors have; a bias is not among them."""

    @abstractmethod
    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost | None]:
        """Costs of running the factors and of reconstructing the kernel; None where impossible."""

    @final
    def resolve(self, spec: ConvSpec, rule: RankRule) -> tuple[Ints, Ints]:
        """The (modes, ranks) of a rule; ValueError when the rule says no rank but one is needed."""
        modes = self.modes(spec, rule.dims)
        if not self.ranked:
            return modes, ()
        wanted = rule.resolve(spec.out_channels, self.dimensions(spec, modes))
        return modes, self.attainable(spec, modes, wanted)

    @final
    def size(self, spec: ConvSpec, rule: RankRule) -> LayerSize:
        """The layer a rule asks for."""
        family = self.at(spec)
        return family._measure(spec, *family.resolve(spec, rule))

    @final
    def size_at(self, spec: ConvSpec, ranks: Ints, dims: int = 3) -> LayerSize:
        """The layer with these ranks, one a bond or mode, each lowered to what is attainable.

        Raises ValueError when there are more or fewer ranks than the family has at that reshaping,
        or one is below 1.
        """
        family = self.at(spec)
        modes = family.modes(spec, dims)
        expected = len(family.dimensions(spec, modes))
        if len(ranks) != expected or any(rank < 1 for rank in ranks):
            raise ValueError(
                f"{self.name} takes {expected} ranks of at least 1 for {spec}"
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
