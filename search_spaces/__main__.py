"""``python -m search_spaces`` prints the table of spaces that the README shows."""

from search_spaces.grammar.grid import grid_points
from search_spaces.registry import SPACES


def table() -> str:
    """A markdown table, one row a space."""
    rows = ["| space | question | grid points | search | scheduler |", "|---|---|---|---|---|"]
    for name, space in SPACES.items():
        points = sum(1 for _ in grid_points(space))
        cells = (f"`{name}`", space.question, str(points), space.search, space.scheduler)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
