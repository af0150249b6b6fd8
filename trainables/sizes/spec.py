"""The shape of one convolution."""

from dataclasses import dataclass

Pair = tuple[int, int]
Call = tuple[int, ...]
"""Rows and columns of a layer's input; a third number where an image becomes so many of them."""

Extent = int | Pair  # of rows and columns; one number where both are alike

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True, slots=True)
class ConvSpec:
    """The shape of a 2-d convolution; a matrix is a convolution with a 1x1 window.

    Attributes:
        in_channels: at least 1.
        out_channels: at least 1.
        kernel_size: in pixels, one number or (rows, columns). It is stored as one number where both
            are equal, so that equal shapes are equal specs.
        stride: likewise.
        padding: likewise, or "same".
        bias: whether the layer adds a bias, which stays outside the factors.
        padding_mode: one of PADDING_MODES.
    """

    in_channels: int
    out_channels: int
    kernel_size: Extent = 3
    stride: Extent = 1
    padding: Extent | str = 1
    bias: bool = False
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        """Raise ValueError listing every problem."""
        problems = [
            f"{name} must be at least {low}, got {getattr(self, name)}"
            for name, low in LEAST.items()
            if min(_pair(getattr(self, name))) < low
        ]
        if self.padding_mode not in PADDING_MODES:
            modes = ", ".join(PADDING_MODES)
            problems.append(f"padding_mode must be one of {modes}, got {self.padding_mode!r}")
        if self.padding == "same" and _pair(self.stride) != (1, 1):
            problems.append(f"padding 'same' needs stride 1, got {self.stride}")
        if problems:
            raise ValueError("; ".join(problems))
        padding = self.padding
        if padding == "same" and all(side % 2 for side in self.window):
            rows, columns = self.window
            padding = (rows // 2, columns // 2)
        object.__setattr__(self, "kernel_size", _short(self.kernel_size))
        object.__setattr__(self, "stride", _short(self.stride))
        object.__setattr__(self, "padding", _short(padding))

    @property
    def window(self) -> Pair:
        """Rows and columns of the kernel."""
        return _pair(self.kernel_size)

    @property
    def strides(self) -> Pair:
        """Step in rows and in columns."""
        return _pair(self.stride)

    @property
    def area(self) -> int:
        """Pixels of the window: 1 for a pointwise convolution."""
        rows, columns = self.window
        return rows * columns

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """(out, in, rows, columns)."""
        return self.out_channels, self.in_channels, *self.window

    def output_size(self, height: int, width: int) -> Pair:
        """Output rows and columns for an input of `height` x `width` pixels."""
        if isinstance(self.padding, str):
            return height, width
        (top, left), (rows, columns), (down, right) = (
            _pair(self.padding),
            self.window,
            self.strides,
        )
        return (height + 2 * top - rows) // down + 1, (width + 2 * left - columns) // right + 1


LEAST = {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "stride": 1, "padding": 0}


def _pair(extent: Extent | str) -> Pair:
    if isinstance(extent, str):
        return 0, 0
    return (extent, extent) if isinstance(extent, int) else extent


def _short(extent: Extent | str) -> Extent | str:
    """The extent as one number where rows and columns are equal."""
    return extent if isinstance(extent, int | str) or extent[0] != extent[1] else extent[0]
