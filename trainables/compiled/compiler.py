"""Compiles a C file at its first use, once per machine, and calls it through ctypes."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import platform
import subprocess
from pathlib import Path
from typing import Any, get_type_hints

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from trainables.compiled.precision import read_cpu_flags
from trainables.compiled.switch import is_torch_alone
from trainables.files.sealed import file_digest, read_sealed, write_sealed
from trainables.files.user_cache import user_cache
from trainables.files.whole_file import whole_file

COMPILE = (
    *("cc", "-O3", "-march=native", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno"),
    *("-shared", "-fPIC"),
    *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else []),
)
"""Without ``-ffast-math``: NaN must be preserved, and rounding be that of torch."""
COMPILE_SECONDS = 120
C_TYPES: dict[Any, Any] = {int: ctypes.c_int64, float: ctypes.c_double}
"""The C types of arguments and fields; everything else is passed as a pointer."""

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
        """Whether they can be called on x: on one thread of a CPU, where compilation succeeded.

        Not while torch traces operations, nor on a tensor without memory.
        """
        return (
            x.device.type == "cpu"
            and type(x) in (Tensor, nn.Parameter)
            and torch.get_num_threads() == 1
            and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
            and self.library is not None
        )

    def call(self, name: str, *arguments: Tensor | tuple | float | None) -> int:
        """Calls a function; returns its result, which is meaningless if the function is ``void``.

        Tensors are passed as pointers to their values, ints as ``int64_t``, floats as ``double``,
        named tuples as pointers to structures with the same fields, and None as a null pointer.
        """
        function = getattr(self.library, name)
        if function.argtypes is None:
            function.argtypes = [
                C_TYPES.get(type(argument), ctypes.c_void_p) for argument in arguments
            ]
        return function(*map(_as_c, arguments))

    @functools.cached_property
    def library(self) -> ctypes.CDLL | None:
        """The library, from the cache or compiled; None where that fails, which is logged."""
        if is_torch_alone():
            return None
        try:
            path = user_cache() / "compiled" / f"{self._source.stem}-{self._digest()}.so"
            if not _is_whole(path):
                _compile_once([*self._command, str(self._source)], path)
            return ctypes.CDLL(str(path))
        # RuntimeError: there is no home directory
        except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
            reason = getattr(problem, "stderr", None) or problem
            log.warning("%s is not compiled; torch is slower: %s", self._source.name, reason)
            return None

    def _digest(self) -> str:
        # machines of different kinds may share the cache
        machine = [platform.machine(), *sorted(read_cpu_flags())]
        text = [
            path.read_bytes() for path in (self._source, *sorted(self._source.parent.glob("*.h")))
        ]
        made_of = repr((text, self._command, machine))
        return hashlib.blake2b(made_of.encode(), digest_size=16).hexdigest()


def compile_per_dtype(source: Path) -> dict[torch.dtype, Compiled]:
    """A C file that includes values.h, compiled for each number format of the activations."""
    return {torch.float32: Compiled(source), torch.bfloat16: Compiled(source, "-DBF16")}


def _as_c(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.data_ptr()
    if isinstance(argument, tuple):
        return ctypes.byref(c_structure(type(argument))(*map(_as_c, argument)))
    return argument


@functools.cache
def c_structure(kind: type) -> type[ctypes.Structure]:
    """The C structure with the fields of a named tuple, in the same order."""
    fields = [
        (name, C_TYPES.get(hint, ctypes.c_void_p)) for name, hint in get_type_hints(kind).items()
    ]
    return type(kind.__name__, (ctypes.Structure,), {"_fields_": fields})


def _compile_once(command: list[str], path: Path) -> None:
    """Compiles, or waits while another process of this machine compiles the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_suffix(".lock"), timeout=COMPILE_SECONDS):
            if not _is_whole(path):
                _compile(command, path)
    except (Timeout, NotImplementedError):  # or the file system has no locks
        _compile(command, path)


def _compile(command: list[str], path: Path) -> None:
    """Replaces the library file atomically: another machine may compile it at the same time."""
    with whole_file(path) as draft:
        subprocess.run(
            [*command, "-o", str(draft), "-lm"],
            check=True,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
    write_sealed(path.with_suffix(".json"), {"digest": file_digest(path)})


def _is_whole(path: Path) -> bool:
    """Whether the file is what was compiled: to load one that is cut short ends the process."""
    try:
        return read_sealed(path.with_suffix(".json")) == {"digest": file_digest(path)}
    except OSError:
        return False
