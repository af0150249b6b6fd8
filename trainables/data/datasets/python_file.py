"""Pictures that a function in a user's file returns: pictures.py:load."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.datasets.data_source import DataSource
from trainables.data.sources import DataRequest, DatasetError, existing_dir
from trainables.files.one_place import seen_from_here
from trainables.text.error_words import error_words

# numpy, and what the file imports, are imported where such a data set is asked for
if TYPE_CHECKING:
    from trainables.data.dataset import Dataset
    from trainables.data.reading.read_parts import ReadParts

PATTERN = re.compile(r"(?P<path>.+\.py):(?P<function>[A-Za-z_]\w*)(?:\(\s*\))?")
RETURNS = (
    "it must return train and test, or train, validation and test; each is arrays (images, "
    "labels), or a data set with a length whose items are (image, label)"
)


def _spelled(dataset: str) -> str:
    """The name with its file as seen from the present folder, or whole where that lies elsewhere.

    A name of no file stays as it is.
    """
    match = PATTERN.fullmatch(dataset)
    path = Path(match["path"]).expanduser() if match else None
    if match is None or path is None or not path.is_file():
        return dataset
    return f"{seen_from_here(path)}:{match['function']}"


def read_python_file(request: DataRequest) -> ReadParts:
    """Calls the function and reads what it returns; once a process, while the file stays.

    Raises:
        DatasetError: no such file or function, what the function raised, or what it returned.
    """
    match = PATTERN.fullmatch(request.dataset)
    if not match:
        raise DatasetError(f"a data set in a file is named file.py:function, got {request.dataset}")
    path = Path(match["path"]).expanduser()
    if not path.is_file():
        raise DatasetError(f"{request.dataset}: there is no file {path.absolute()}")
    return _read(request, path.absolute(), match["function"], path.stat().st_mtime_ns)


def _load(request: DataRequest) -> Dataset:
    return read_python_file(request).dataset


@lru_cache(maxsize=1)
def _read(request: DataRequest, path: Path, function: str, mtime_ns: int) -> ReadParts:
    from trainables.data.reading.parts import Parts
    from trainables.data.reading.read_parts import ReadParts

    returned = _call(request, _function(request, path, function))
    if not isinstance(returned, (tuple, list)) or len(returned) not in (2, 3):
        raise DatasetError(f"{request.dataset} returned {type(returned).__name__}; {RETURNS}")
    train, test = returned[0], returned[-1]
    validation = returned[1] if len(returned) == 3 else None
    parts = Parts(train, test, validation, classes=tuple(getattr(train, "classes", None) or ()))
    try:
        places = [path, *([request.data_dir] if request.data_dir else [])]
        return ReadParts(parts, request, places=places, reopen=partial(_load, request))
    except DatasetError as problem:
        raise DatasetError(f"{request.dataset}: {problem}") from problem


def _function(request: DataRequest, path: Path, name: str) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"ranktune_data_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DatasetError(f"{request.dataset}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # what it returns may be pickled
    sys.path.insert(0, str(path.parent))  # it may import files beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:  # the latter of a script that ends the program
        raise DatasetError(_raised(request, path, problem)) from problem
    finally:
        sys.path.remove(str(path.parent))
    if not callable(found := getattr(module, name, None)):
        kept = [one for one, value in vars(module).items() if inspect.isfunction(value)]
        known = ", ".join(kept) or "none"
        raise DatasetError(f"{request.dataset}: {path} has no function {name!r}; it has {known}")
    return found


def _call(request: DataRequest, function: Callable[..., Any]) -> Any:
    """Calls the function, with ``data_dir`` where it takes one."""
    folder = existing_dir(request.data_dir) if request.data_dir else None
    takes_it = folder and "data_dir" in inspect.signature(function).parameters
    given = {"data_dir": folder} if takes_it else {}
    try:
        return function(**given)
    except (Exception, SystemExit) as problem:  # the latter of a script that ends the program
        raise DatasetError(_raised(request, Path(inspect.getfile(function)), problem)) from problem


def _raised(request: DataRequest, path: Path, problem: BaseException) -> str:
    """The error of the user's code, with the line of the file."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(problem.__traceback__)
        if frame.filename == str(path)
    ]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return f"{request.dataset}: {where}: {error_words(problem)}"


PYTHON_FILE = DataSource(
    name="FILE.py:FUNCTION",
    help="what a function of your own returns",
    count=lambda request: read_python_file(request).counts,
    load=_load,
    spelled=_spelled,
    digest=lambda request: read_python_file(request).digest,
    notes=lambda request: read_python_file(request).notes,
)
