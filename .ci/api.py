"""Write the API pages from docstrings: what a notebook or a script may import.

    make api

A test runs the examples in them. The pages need no server.
"""

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pdoc  # noqa: E402 - it imports the packages that it documents

import analysis  # noqa: E402

PACKAGES = ("analysis", "search_spaces", "trainables", "!__main__", "!trainables.compiled")


def write_api(folder: Path) -> None:
    """Writes ``index.html`` and a page a module."""
    for name in analysis.__all__:  # loaded on demand, which pdoc does not see
        setattr(analysis, name, getattr(analysis, name))
    pdoc.render.configure(docformat="google", footer_text="RankTune")
    rooms = [f"analysis.{path.parent.name}" for path in (ROOT / "analysis").glob("*/__init__.py")]
    # pdoc cannot look up the fields of a named tuple where annotations are postponed
    warnings.filterwarnings("ignore", "Error parsing type annotation")
    # nor where a subclass of Tensor has what torch gives it in C
    warnings.filterwarnings("ignore", "Cannot determine where .*KernelOnDemand")
    pdoc.pdoc(*PACKAGES, *rooms, output_directory=folder)  # __all__ hides rooms from pdoc


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_api(folder)
    print(folder / "index.html")
