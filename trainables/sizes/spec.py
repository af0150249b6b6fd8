"""The shape of one convolution."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConvSpec:
    """A square 2-d convolution without bias, in pixels and channels."""

    in_channels: int
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    padding: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError listing every impossible number."""
        least = {
            "in_channels": 1,
            "out_channels": 1,
            "kernel_size": 1,
            "stride": 1,
            "padding": 0,
        }
        problems = [
            f"{name} must be at least {low}, got {getattr(self, name)}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if problems:
            raise ValueError("; ".join(problems))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Output rows and columns for an input of `height` x `width` pixels."""
        return self._steps(height), self._steps(width)

    def _steps(self, length: int) -> int:
        return (length + 2 * self.padding - self.kernel_size) // self.stride + 1
