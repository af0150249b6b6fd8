"""The selection of the layers of a network that are replaced."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.text.suggestion import nearest_few

WORDS = ("first", "last", "linear", "downsample")


class SelectionError(ValueError):
    """Raised for patterns that select nothing; ``problems`` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read_patterns(text: str) -> tuple[str, ...]:
    """Splits the value of a key such as ``replace`` at spaces and "+" into its patterns."""
    return tuple(text.replace("+", " ").split())


def chosen_rows(table: LayerTable, replace: str = "", keep: str = "") -> tuple[LayerRow, ...]:
    """The layers that a family replaces, in forward order.

    Args:
        table: the network.
        replace: patterns on names (``layer3.*``), and the words ``first`` and ``last`` (of all
            layers), ``linear`` and ``downsample`` (a 1x1 convolution with a stride); "" is the
            network's default. A pattern with ``*`` leaves out the first and the last layer, which
            take a word or their full name.
        keep: patterns of layers that are not replaced; it overrides ``replace``.

    Raises:
        SelectionError: for a pattern without a match, or where no layer can be replaced.
    """
    problems = [
        problem
        for name, text in (("replace", replace), ("keep", keep))
        for pattern in read_patterns(text)
        for problem in _pattern_problems(table, name, pattern)
    ]
    if problems:
        raise SelectionError(problems)
    rows = tuple(row for row in table.rows if not why_kept(table, row, replace, keep))
    if not rows:
        raise SelectionError([_nothing(table, replace, keep)])
    return rows


def why_kept(table: LayerTable, row: LayerRow, replace: str = "", keep: str = "") -> str:
    """Why a layer is not replaced; "" where it is."""
    if row.shared_with:
        return f"its weight is shared with {row.shared_with}"
    if row.reason:
        return row.reason
    if any(_matches(table, row, pattern) for pattern in read_patterns(keep)):
        return "kept by name"
    patterns = read_patterns(replace)
    if not patterns:
        if row.name in table.default:
            return ""
        return _end(table, row) or f"dense in {table.network} unless it is named"
    if any(_matches(table, row, pattern) for pattern in patterns):
        return ""
    return _end(table, row) or "not named"


def _matches(table: LayerTable, row: LayerRow, pattern: str) -> bool:
    if pattern in WORDS:
        return _TESTS[pattern](table, row)
    if pattern == row.name:
        return True
    return fnmatchcase(row.name, pattern) and not _end(table, row)


def _end(table: LayerTable, row: LayerRow) -> str:
    """Which end of the network a layer is: "first", "last", "first and last"; "" for all others."""
    called = [row.position for row in table.rows if row.position >= 0]
    if row.position < 0:
        return ""
    ends = {"first": min(called), "last": max(called)}
    return " and ".join(word for word, position in ends.items() if row.position == position)


_TESTS: dict[str, Callable[[LayerTable, LayerRow], bool]] = {
    "first": lambda table, row: "first" in _end(table, row),
    "last": lambda table, row: "last" in _end(table, row),
    "linear": lambda table, row: row.kind == "linear" and not _end(table, row),
    "downsample": lambda table, row: (
        row.kind != "linear" and row.kernel == (1, 1) and max(row.stride) > 1
    ),
}


def _pattern_problems(table: LayerTable, key: str, pattern: str) -> Iterator[str]:
    matched = [row for row in table.rows if _matches(table, row, pattern)]
    if not matched:
        names = [row.name for row in table.rows]
        near = nearest_few(pattern, names, likeness=0.3) or names[:3]
        words = ", ".join(WORDS)
        yield (
            f"{key} {pattern!r} matches no layer of {table.network}; the nearest are "
            f"{', '.join(near)}; the words {words} name layers too"
        )
    elif key == "replace" and all(row.reason for row in matched):
        reasons = ", ".join(dict.fromkeys(row.reason for row in matched))
        yield f"replace {pattern!r} matches only layers that stay dense: {reasons}"


def _nothing(table: LayerTable, replace: str, keep: str) -> str:
    reasons = dict.fromkeys(why_kept(table, row, replace, keep) for row in table.rows)
    told = ", ".join(reasons) or "it has no Conv2d and no Linear"
    ends = [
        word
        for word in ("first", "last")
        if any(
            _TESTS[word](table, row) and not why_kept(table, row, word, keep) for row in table.rows
        )
    ]
    advice = f"; the first and the last stay unless they are named (replace={'+'.join(ends)})"
    return f"no layer of {table.network} can be replaced: {told}{advice if ends else ''}"
