"""What import-linter cannot see: what libraries import in turn, what the standard library lacks."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STANDARD_ALONE = [
    "search_spaces",
    "trainables/text",
    "trainables/architectures",
    "trainables/sizes",
    "trainables/config/train_config.py",
    "trainables/config/metrics.py",
]


def modules(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_roots(path: Path) -> set[str]:
    """The top-level names that a file imports, at whatever depth the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def unexplained_imports(path: Path) -> list[str]:
    """Imports inside functions that neither a comment there, the file nor its room accounts for."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    room = path.with_name("__init__.py").read_text(encoding="utf-8").splitlines()
    prose = (line for line in lines + room if not re.match(r"\s*(from|import) ", line))
    if any(re.search(r"\bimport(s|ed)?\b", line) for line in prose):
        return []
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    inside = (one for function in functions for one in ast.walk(function))
    statements = [one for one in inside if isinstance(one, ast.Import | ast.ImportFrom)]
    return [
        f"{path.relative_to(ROOT)}:{one.lineno}"
        for one in statements
        if not any("#" in line for line in lines[one.lineno - 2 : one.end_lineno])
    ]


def test_an_import_inside_a_function_says_why() -> None:
    places = ("analysis", "search_spaces", "trainables", "tune_app")
    paths = [path for place in places for path in modules(place)]
    assert [one for path in paths for one in unexplained_imports(path)] == []


@pytest.mark.parametrize("place", STANDARD_ALONE)
def test_the_shared_vocabularies_use_the_standard_library_alone(place: str) -> None:
    # a contract lets search_spaces take of trainables its text alone, which is checked here too
    allowed = sys.stdlib_module_names | {place.partition("/")[0], "trainables"}
    foreign = {dotted(path): imported_roots(path) - allowed for path in modules(place)}
    assert {name: roots for name, roots in foreign.items() if roots} == {}


@pytest.mark.parametrize(
    ("place", "forbidden"),
    [
        ("analysis", {"ray", "torch", "tensorboardX"}),
        ("search_spaces", {"ray", "torch", "numpy"}),
        ("trainables/architectures", {"ray", "torch", "numpy"}),
        ("trainables/sizes", {"ray", "torch", "numpy"}),
        ("trainables/config/train_config.py", {"ray", "torch", "numpy"}),
        ("trainables/config/metrics.py", {"ray", "torch", "numpy"}),
        (
            "tune_app/study/run_study.py",
            {"ray", "torch", "pandas", "scipy", "pyarrow"},
        ),  # ray reads its environment when it is imported; the others load while it starts
        # every worker imports it before its first trial
        ("trainables/cifar_trainable.py", {"triton", "sympy", "torchvision", "PIL", "tntorch"}),
        ("tune_app/engine/preload.py", {"pandas", "ray.data"}),
    ],
)
def test_importing_every_module_leaves_heavy_libraries_unloaded(
    place: str, forbidden: set[str]
) -> None:
    names = [dotted(path) for path in modules(place) if path.stem != "__main__"]
    script = f"import sys, {', '.join(names)}; print(*({forbidden!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


def test_the_handler_of_ctrl_c_waits_for_no_library() -> None:
    script = (
        "import sys; before = {*sys.modules}; import trainables.config.starting; "
        "print(*sorted({*sys.modules} - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    own = ["", ".config", ".config.interruption", ".config.starting"]
    python = ["__future__", "atexit"]  # the latter is no file
    assert done.stdout.split() == [*python, *(f"trainables{name}" for name in own)]
