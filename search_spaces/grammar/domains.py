"""The values of a key: bounds to sample from, and points for a grid. Domains never sample."""

from __future__ import annotations

import sys
from dataclasses import dataclass

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Float:
    """A real number in [low, high]; ``log`` for a logarithmic scale."""

    low: float
    high: float
    log: bool = False
    grid: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_interval(self)

    def contains(self, value: object) -> bool:
        """Whether ``value`` is a number within the bounds."""
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Int:
    """An integer in [low, high], both ends included."""

    low: int
    high: int
    log: bool = False
    grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_interval(self)

    def contains(self, value: object) -> bool:
        """Whether ``value`` is a whole number within the bounds."""
        return _is_number(value) and value == int(value) and self.low <= value <= self.high  # type: ignore[call-overload,operator]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values; all of them are grid points."""

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a Choice needs at least one value, got none")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"the values of a Choice must differ, got {self.values}")

    @property
    def grid(self) -> tuple[Scalar, ...]:
        """Every value."""
        return self.values

    def contains(self, value: object) -> bool:
        """Whether ``value`` is one of the values."""
        return value in self.values


Domain = Float | Int | Choice


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(number: float) -> bool:
    """Whether it is a finite float, or a whole number that can be one."""
    return abs(number) <= sys.float_info.max


def _check_interval(domain: Float | Int) -> None:
    problems = []
    if not domain.low < domain.high:
        problems.append(f"low must be below high, got low={domain.low}, high={domain.high}")
    if not all(map(_is_finite, (domain.low, domain.high, *domain.grid))):
        problems.append("low, high and grid are finite numbers")
    if domain.log and domain.low <= 0:
        problems.append(f"a logarithmic domain needs low > 0, got low={domain.low}")
    outside = [point for point in domain.grid if not domain.low <= point <= domain.high]
    if outside:
        problems.append(f"grid points {outside} lie outside [{domain.low}, {domain.high}]")
    if problems:
        raise ValueError("; ".join(problems))
