"""Draw the rooms of the house from the import contracts, into docs/architecture.md.

    make architecture

Each ``layers`` contract of pyproject.toml gives its package's rooms, top first; each room's
sentence is the first line of its docstring. A test compares the page with what this would write.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by make architecture -->", "<!-- end of what is drawn -->"

Floors = list[list[str]]  # the highest first; those of one floor do not import each other


def read_floors() -> dict[str, Floors]:
    """The floors of the house ("") and of each package."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors: dict[str, Floors] = {}
    for contract in tables["tool"]["importlinter"]["contracts"]:
        if contract["type"] != "layers":
            continue
        layers = [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]
        (container,) = contract.get("containers") or [_common_package(layers)]
        floors[container] = [[name.removeprefix(f"{container}.") for name in f] for f in layers]
    return floors


def _common_package(layers: Floors) -> str:
    packages = {name.rpartition(".")[0] for layer in layers for name in layer}
    return packages.pop() if len(packages) == 1 else ""


def draw(floors: dict[str, Floors]) -> Iterator[str]:
    """A mermaid chart: a box a package, its rooms from the top down, then a table of the rooms."""
    packages = [name for floor in floors[""] for name in floor if name in floors]
    yield from ("```mermaid", "flowchart TB", "  run_tune[run_tune.py]")
    for package in packages:
        yield f"  subgraph {package}"
        yield "    direction TB"
        for upper, lower in zip(floors[package], floors[package][1:], strict=False):
            ends = (" & ".join(f"{package}_{room}[{room}]" for room in f) for f in (upper, lower))
            yield "    " + " --> ".join(ends)
        yield "  end"
    yield "  " + " --> ".join(["run_tune", *packages])
    yield from ("```", "", "| room | holds |", "|---|---|")
    for package in packages:
        yield f"| **`{package}/`** | {sentence(package)} |"
        for floor in floors[package]:
            yield from (
                f"| `{place(package, room)}` | {sentence(package, room)} |" for room in floor
            )


def place(package: str, room: str) -> str:
    """The path of a room, or of a module that is one."""
    return f"{package}/{room}" if (ROOT / package / room).is_dir() else f"{package}/{room}.py"


def sentence(*parts: str) -> str:
    """The first line of the docstring of a package or a module."""
    path = ROOT.joinpath(*parts)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def drawn_page() -> str:
    """The page with what is drawn put in its place."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + "\n".join([BEGIN, *draw(read_floors()), END]) + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(drawn_page(), encoding="utf-8")
