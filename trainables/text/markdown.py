"""Any text as Markdown that shows it."""

from __future__ import annotations

import re

MARKS = re.compile(r"[\\`*|\[\]]|<(?=[A-Za-z/!?])|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown would take for markup: patterns such as ``layer3.*`` lose their stars."""


def markdown(text: str) -> str:
    """The text with its markup escaped, on one line: fit for a heading, a paragraph, a cell."""
    return re.sub(r"\r\n?|\n", "<br>", MARKS.sub(r"\\\g<0>", text))
