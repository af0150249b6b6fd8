"""Degrees of freedom of a mean whose values weigh differently. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence


def weighted_freedom(shares: Sequence[float]) -> float:
    """The degrees of freedom of the HC2 variance of a weighted mean (Bell, McCaffrey 2002).

    Args:
        shares: of the values in the mean, which add up to 1; equal ones of k values leave k - 1.
    """
    leverage = [share**2 / (1 - share) for share in shares]
    spread = sum(share**2 for share in shares)
    return 1 / (spread + sum(leverage) ** 2 - sum(one**2 for one in leverage))
