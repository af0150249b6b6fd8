"""The three ways to ask for a rank."""

from dataclasses import dataclass

from trainables.sizes.size_keys import RANK_KEYS


@dataclass(frozen=True)
class RankRule:
    """A rank, given in at most one of three ways; a family with ranks needs exactly one.

    However it is given, no rank exceeds what its bond or mode can attain.

    Attributes:
        rank_divisor: rank = max(1, out_channels // rank_divisor), the December 2018 rule.
        rank_scale: a fraction in (0, 1] of the family's `dimensions`, the January 2019 rule.
        rank: the integer itself, for every bond, mode or sum; only this one reaches all sizes.
        dims: number of dimensions that a matrix is reshaped to, in families that reshape; 1 counts
            as 2.
    """

    rank_divisor: int | None = None
    rank_scale: float | None = None
    rank: int | None = None
    dims: int = 3

    def __post_init__(self) -> None:
        """Raise ValueError listing every problem."""
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        problems = []
        if len(self.given) > 1:
            problems.append(f"give the rank in one way, got {' and '.join(self.given)}")
        if self.rank_divisor is not None and self.rank_divisor < 1:
            problems.append(f"rank_divisor must be at least 1, got {self.rank_divisor}")
        if self.rank_scale is not None and not 0 < self.rank_scale <= 1:
            problems.append(f"rank_scale must lie in (0, 1], got {self.rank_scale}")
        if self.rank is not None and self.rank < 1:
            problems.append(f"rank must be at least 1, got {self.rank}")
        if self.dims < 1:
            problems.append(f"dims must be at least 1, got {self.dims}")
        return problems

    @property
    def given(self) -> list[str]:
        """Which of rank_divisor, rank_scale and rank were given."""
        return [name for name in RANK_KEYS if getattr(self, name) is not None]

    def resolve(self, out_channels: int, dimensions: tuple[int, ...]) -> tuple[int, ...]:
        """The wanted rank for each of `dimensions`, before it is capped to what is attainable.

        Args:
            out_channels: what rank_divisor divides.
            dimensions: what rank_scale is a fraction of, one number for each rank of the layer.

        Raises:
            ValueError: when no rank was given.
        """
        if self.rank is not None:
            return (self.rank,) * len(dimensions)
        if self.rank_divisor is not None:
            return (max(1, out_channels // self.rank_divisor),) * len(dimensions)
        if self.rank_scale is not None:
            # Python rounds half to even, as the 2018 code did
            return tuple(max(1, round(self.rank_scale * n)) for n in dimensions)
        raise ValueError("a rank is needed: give one of rank_divisor, rank_scale, rank")
