"""A study's limits of size, which what is exported keeps as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from trainables.architectures.network_size import NetworkSize
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain, plain_macs
from trainables.text.count import exact_count, rounded_up

ROUNDING = 1e-6
"""Fractions of a multiply-add are summed in another order than the study's."""


@dataclass(frozen=True)
class Limits:
    """The most that a study allows a network; None where it sets no limit.

    Attributes:
        max_parameters: number of stored values.
        max_macs: multiply-adds per image.
        batch: images at once for which the study counts multiply-adds.
    """

    max_parameters: float | None = None
    max_macs: float | None = None
    batch: int = 1

    def refusal(self, network: nn.Module, size: NetworkSize, form: str, plain: nn.Module) -> str:
        """Why a form of a network is not exported, and what to do; empty where it may be.

        Args:
            network: as it was trained.
            size: its size.
            form: FACTORS or FOLDED.
            plain: what ``make_plain`` made of it.
        """
        excess = list(self._excess(plain, size))
        if not excess:
            return ""
        text = f"the form {form!r} has {' and '.join(text for _, text in excess)}; "
        for other in (FACTORS, FOLDED):
            smaller = make_plain(network, size, form=other)
            if other != form and not any(self._excess(smaller, size)):
                return f"{text}choose the form {other!r}"
        flags = " and ".join(flag for flag, _ in excess)
        return f"{text}no form is within that: name a smaller trial, or raise the study's {flags}"

    def _excess(self, plain: nn.Module, size: NetworkSize) -> Iterator[tuple[str, str]]:
        """The limits that a network exceeds: the option, and by what, in words."""
        macs = plain_macs(plain, size, self.batch)
        for flag, count, unit, most in (
            ("--max-parameters", stored(plain), "parameters", self.max_parameters),
            ("--max-macs", macs, "multiply-adds per image", self.max_macs),
        ):
            if most is not None and count - most > ROUNDING:
                text = f"{rounded_up(count)} {unit}, but the study allows {exact_count(most)}"
                yield flag, text


def stored(module: nn.Module) -> int:
    """Number of stored values, without BatchNorm's running statistics."""
    return sum(weight.numel() for weight in module.parameters())
