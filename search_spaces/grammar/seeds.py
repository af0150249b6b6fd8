"""Which seeds choose a configuration, and which estimate what was chosen."""

MOST_CHOOSING_SEEDS = 1000
ESTIMATING_SEEDS_FROM = MOST_CHOOSING_SEEDS
"""Choosing seeds are 0, 1, 2, …; estimating seeds start here, so that no run is both."""

ESTIMATING_SEEDS = 5
"""Enough for an interval that covers a chosen configuration's true mean as often as it says."""


def estimating_seeds(count: int) -> tuple[int, ...]:
    """The first ``count`` estimating seeds."""
    return tuple(range(ESTIMATING_SEEDS_FROM, ESTIMATING_SEEDS_FROM + count))


def is_choosing(seed: int) -> bool:
    """Whether a run with this seed may choose a configuration."""
    return 0 <= seed < ESTIMATING_SEEDS_FROM
