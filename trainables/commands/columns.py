"""Plain tables: they fit 80 columns and read the same in a file as on a screen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

WIDTH = 80


def lay_out(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows as lines of equal length; the columns numbered in ``right`` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def shorten(text: str, width: int) -> str:
    """The text, cut to a width, with … where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"
