"""The seeds that choose a configuration, and those that estimate the chosen one."""

MOST_CHOOSING_SEEDS = 1000
ESTIMATING_SEEDS_FROM = MOST_CHOOSING_SEEDS
"""Choosing seeds are 0, 1, 2, …; estimating seeds start here, so that no run serves for both."""

ESTIMATING_SEEDS = 5
"""Enough for intervals with their nominal coverage of a chosen configuration's true mean."""


def estimating_seeds(count: int) -> tuple[int, ...]:
    """The first ``count`` estimating seeds."""
    return tuple(range(ESTIMATING_SEEDS_FROM, ESTIMATING_SEEDS_FROM + count))


def is_choosing(seed: int) -> bool:
    """Whether a run with this seed may choose a configuration."""
    return 0 <= seed < ESTIMATING_SEEDS_FROM
