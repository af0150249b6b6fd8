"""Which layers of a network are replaced."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from search_spaces.grammar.suggestion import nearest_few
from trainables.sizes.layer_table import LayerRow, LayerTable

WORDS = ("first", "last", "linear", "downsample")


class SelectionError(ValueError):
    """Patterns that choose nothing; ``problems`` lists each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read_patterns(text: str) -> tuple[str, ...]:
    """The patterns of a key such as ``replace``, separated by spaces or "+"."""
    return tuple(text.replace("+", " ").split())


def chosen_rows(table: LayerTable, replace: str = "", keep: str = "") -> tuple[LayerRow, ...]:
    """The layers that a family replaces, in the order in which the image meets them.

    Args:
        table: the network.
        replace: patterns on names (``layer3.*``), and the words ``first`` and ``last`` (of all
            layers), ``linear`` and ``downsample`` (a 1x1 convolution with a stride); "" is the
            network's own choice. A pattern with ``*`` does not reach the first and the last layer:
            a word or a whole name does.
        keep: patterns of layers that stay as they are; ``keep`` wins.

    Raises:
        SelectionError: for a pattern without a match, and where no layer can be replaced.
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
        raise SelectionError([_nothing(table)])
    return rows


def why_kept(table: LayerTable, row: LayerRow, replace: str = "", keep: str = "") -> str:
    """Why a layer is not replaced; "" where it is."""
    if row.reason:
        return row.reason
    if any(_matches(table, row, pattern) for pattern in read_patterns(keep)):
        return "kept by name"
    wanted = read_patterns(replace)
    if not wanted:
        if row.name in table.default:
            return ""
        return _end(table, row) or f"dense in {table.network} unless it is named"
    if any(_matches(table, row, pattern) for pattern in wanted):
        return ""
    return _end(table, row) or "not named"


def _matches(table: LayerTable, row: LayerRow, pattern: str) -> bool:
    if pattern in WORDS:
        return _TESTS[pattern](table, row)
    if pattern == row.name:
        return True
    return fnmatchcase(row.name, pattern) and not _end(table, row)


def _end(table: LayerTable, row: LayerRow) -> str:
    """For the layers at the ends of a network, "first" or "last"."""
    called = [one.position for one in table.rows if one.position >= 0]
    if not called or row.position < 0:
        return ""
    ends = {min(called): "first", max(called): "last"}
    return ends.get(row.position, "")


_TESTS: dict[str, Callable[[LayerTable, LayerRow], bool]] = {
    "first": lambda table, row: _end(table, row) == "first",
    "last": lambda table, row: _end(table, row) == "last",
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
            f"{', '.join(near)}; the words are {words}"
        )
    elif key == "replace" and all(row.reason for row in matched):
        reasons = ", ".join(dict.fromkeys(row.reason for row in matched))
        yield f"replace {pattern!r} matches only layers that stay dense: {reasons}"


def _nothing(table: LayerTable) -> str:
    reasons = ", ".join(dict.fromkeys(row.reason for row in table.rows if row.reason))
    return f"no layer of {table.network} can be replaced" + (f": {reasons}" if reasons else "")
