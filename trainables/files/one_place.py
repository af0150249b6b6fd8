"""One way of writing a file's path, which becomes part of a name."""

from __future__ import annotations

from pathlib import Path


def seen_from_here(file: Path) -> Path:
    """The path from the present folder, or whole where the file lies elsewhere.

    A link to the file stays: what it imports lies beside the link.
    """
    whole, here = file.expanduser().absolute().parent.resolve() / file.name, Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole
