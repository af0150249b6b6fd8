"""``python -m search_spaces`` prints the table of spaces that the README shows.

``--toml`` prints each as the TOML file that docs/spaces.md shows.
"""

import sys

from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.toml_text import toml_text
from search_spaces.registry import SPACES


def table() -> str:
    """A markdown table, one row a space."""
    rows = [
        "| space | question | asks | grid points | search | scheduler |",
        "|---|---|---|---|---|---|",
    ]
    for name, space in SPACES.items():
        points = sum(1 for _ in grid_points(space))
        kinds = ", ".join(question.kind for question in space.questions)
        cells = (f"`{name}`", space.question, kinds, str(points), space.search, space.scheduler)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def files() -> str:
    """The file of each space, under its name."""
    return "\n\n".join(
        f"### {name}\n\n```toml\n{toml_text(space)}```" for name, space in SPACES.items()
    )


if __name__ == "__main__":
    print(files() if "--toml" in sys.argv[1:] else table())
