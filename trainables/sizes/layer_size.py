"""One layer with its ranks resolved: its parameters and its multiply-adds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from trainables.sizes.spec import Call, ConvSpec

FACTORIZED = "factorized"
RECONSTRUCTED = "reconstructed"


MOST_LETTERS = 9  # layers whose routes are still listed one by one


def short_routes(routes: Sequence[str]) -> str:
    """The routes in short: a letter for each layer, "ffrrrrr", or for many layers "f×12 r×4"."""
    letters = [route[0] for route in routes]
    if len(letters) <= MOST_LETTERS:
        return "".join(letters)
    return " ".join(f"{letter}×{times}" for letter, times in sorted(Counter(letters).items()))


@dataclass(frozen=True, slots=True)
class RouteCost:
    """Multiply-adds of one way to run a layer, by what they scale with.

    Attributes:
        output: per output position (h*w) and image.
        input: per input position (H*W) and image.
        strided_rows: per position (h*W) and image, where the stride has been applied to the rows
            but not yet to the columns.
        forward: once per forward pass, whatever the batch size.
    """

    output: int
    input: int = 0
    strided_rows: int = 0
    forward: int = 0

    def macs(self, spec: ConvSpec, height: int, width: int, batch: int) -> float:
        """Multiply-adds per image, for inputs of height x width pixels in batches of `batch`."""
        rows, columns = spec.output_size(height, width)
        per_image = (
            self.output * rows * columns
            + self.input * height * width
            + self.strided_rows * rows * width
        )
        return per_image + self.forward / batch


@dataclass(frozen=True, slots=True)
class LayerSize:
    """One convolution of a family, its ranks resolved; two equal sizes build equal layers.

    Attributes:
        family: the key of the family in SIZES.
        spec: the shape of the convolution.
        modes: the dimensions that the matrix is reshaped to; () where it is not reshaped.
        ranks: resolved and attainable, one for each bond or mode; () for a family without ranks.
        parameters: of the factors, without a bias.
        factorized: cost of running the factors; None where that is impossible.
        reconstructed: cost of reconstructing the kernel and convolving with it, or None.
    """

    family: str
    spec: ConvSpec
    modes: tuple[int, ...]
    ranks: tuple[int, ...]
    parameters: int
    factorized: RouteCost | None
    reconstructed: RouteCost | None

    @property
    def dense_parameters(self) -> int:
        """Parameters of the dense convolution that this layer replaces."""
        return self.spec.area * self.spec.in_channels * self.spec.out_channels

    @property
    def separable_parameters(self) -> int:
        """Parameters of the depthwise and pointwise convolutions of the same shape."""
        depthwise = self.spec.area if self.spec.area > 1 else 0
        return self.spec.in_channels * (depthwise + self.spec.out_channels)

    def route_macs(self, height: int, width: int, batch: int) -> dict[str, float]:
        """Multiply-adds per image of each route that exists, for a height x width input."""
        costs = {FACTORIZED: self.factorized, RECONSTRUCTED: self.reconstructed}
        return {
            route: cost.macs(self.spec, height, width, batch)
            for route, cost in costs.items()
            if cost is not None
        }

    def route(self, height: int, width: int, batch: int) -> str:
        """The route with fewer multiply-adds; "factorized" where both have as many."""
        macs = self.route_macs(height, width, batch)
        return min(macs, key=macs.__getitem__)

    def route_of_calls(self, inputs: Sequence[Call], batch: int) -> str:
        """The route with fewer multiply-adds over all calls in a forward pass.

        Args:
            inputs: the extent of the input of each call.
            batch: images at once.
        """
        macs = self._macs_of_routes(inputs, batch)
        return min(macs, key=macs.__getitem__)

    def macs_of_calls(self, inputs: Sequence[Call], batch: int) -> float:
        """Multiply-adds per image of all calls, by the route of `route_of_calls`."""
        return min(self._macs_of_routes(inputs, batch).values())

    def macs_of_route(self, route: str, inputs: Sequence[Call], batch: int) -> float:
        """Multiply-adds per image of all calls by a given route."""
        return self._macs_of_routes(inputs, batch)[route]

    def _macs_of_routes(self, inputs: Sequence[Call], batch: int) -> dict[str, float]:
        total: dict[str, float] = {}
        for height, width, *folded in inputs:
            parts = prod(folded)
            for route, macs in self.route_macs(height, width, batch * parts).items():
                total[route] = total.get(route, 0) + parts * macs
        return total

    def macs(self, height: int, width: int, batch: int) -> float:
        """Multiply-adds per image of the cheaper route."""
        return min(self.route_macs(height, width, batch).values())
