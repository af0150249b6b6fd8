"""A C file is compiled when it is first used, once a machine, and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, get_type_hints

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from trainables.compiled.precision import read_cpu_flags
from trainables.files.user_cache import user_cache
from trainables.files.whole_file import whole_file

COMPILE = (
    *("cc", "-O3", "-march=native", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno"),
    *("-shared", "-fPIC"),
    *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else []),
)
"""Not ``-ffast-math``: a NaN must stay one, and torch's rounding be left as it is."""
COMPILE_SECONDS = 120
SWITCH = "RANKTUNE_COMPILED"
"""An environment variable; 0 does without what is compiled, as where there is no compiler."""
C_TYPES: dict[Any, Any] = {int: ctypes.c_int64, float: ctypes.c_double}
"""Of arguments and of the fields of structures; everything else is passed as a pointer."""

log = logging.getLogger(__name__)


class Compiled:
    """The functions of a C file, by name.

    Args:
        source: The file. Headers lie beside it.
        *options: For the compiler.
    """

    def __init__(self, source: Path, *options: str) -> None:
        self._source = source
        self._command = (*COMPILE, *options)

    def is_available(self, x: Tensor) -> bool:
        """Whether they can be called on x: on one thread of a CPU, where compilation worked.

        Not while torch records operations, nor on a tensor that has no memory of its own.
        """
        return (
            x.device.type == "cpu"
            and type(x) in (Tensor, nn.Parameter)
            and torch.get_num_threads() == 1
            and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
            and self.library is not None
        )

    def call(self, name: str, *arguments: Tensor | tuple | float | None) -> int:
        """Calls a function and returns what it returns, an ``int`` or nothing of meaning.

        Tensors are passed as pointers to their values, ints as ``int64_t``, floats as ``double``,
        named tuples as pointers to structures with the same fields, and None as a null pointer.
        """
        function = getattr(self.library, name)
        if function.argtypes is None:
            function.argtypes = [C_TYPES.get(type(one), ctypes.c_void_p) for one in arguments]
        return function(*map(_as_c, arguments))

    @functools.cached_property
    def library(self) -> ctypes.CDLL | None:
        """Loads from the cache or compiles; None, and a line in the log, where that fails."""
        if os.environ.get(SWITCH) == "0":
            return None
        try:
            path = user_cache() / "compiled" / f"{self._source.stem}-{self._digest()}.so"
            if not path.is_file():
                _compile_once([*self._command, str(self._source)], path)
            return ctypes.CDLL(str(path))
        except (OSError, RuntimeError, subprocess.SubprocessError) as problem:  # or there's no home
            reason = getattr(problem, "stderr", None) or problem
            log.warning("%s is not compiled; torch is slower: %s", self._source.name, reason)
            return None

    def _digest(self) -> str:
        machine = [platform.machine(), *sorted(read_cpu_flags())]  # a cache may be shared
        text = [
            path.read_bytes() for path in (self._source, *sorted(self._source.parent.glob("*.h")))
        ]
        made_of = repr((text, self._command, machine))
        return hashlib.blake2b(made_of.encode(), digest_size=16).hexdigest()


def compile_per_dtype(source: Path) -> dict[torch.dtype, Compiled]:
    """A C file that includes values.h, by the number format of its activations."""
    return {torch.float32: Compiled(source), torch.bfloat16: Compiled(source, "-DBF16")}


def _as_c(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.data_ptr()
    if isinstance(argument, tuple):
        return ctypes.byref(c_structure(type(argument))(*map(_as_c, argument)))
    return argument


@functools.cache
def c_structure(kind: type) -> type[ctypes.Structure]:
    """The C structure with the fields of a named tuple, in their order."""
    fields = [
        (name, C_TYPES.get(hint, ctypes.c_void_p)) for name, hint in get_type_hints(kind).items()
    ]
    return type(kind.__name__, (ctypes.Structure,), {"_fields_": fields})


def _compile_once(command: list[str], path: Path) -> None:
    """While another process of this machine compiles the same file, waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_suffix(".lock"), timeout=COMPILE_SECONDS):
            if not path.is_file():
                _compile(command, path)
    except (Timeout, NotImplementedError):  # or the file system does not lock
        _compile(command, path)


def _compile(command: list[str], path: Path) -> None:
    """Writes the whole file or nothing: a process elsewhere may compile it at the same time."""
    with whole_file(path) as draft:
        subprocess.run(
            [*command, "-o", str(draft), "-lm"],
            check=True,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
