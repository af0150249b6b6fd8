"""A C file is compiled when it is first used, once a machine, and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainables.compiled.precision import read_cpu_flags
from trainables.compiled.user_cache import user_cache

COMPILE = (
    *("cc", "-O3", "-march=native", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno"),
    *("-shared", "-fPIC"),
    *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else []),
)
"""Not ``-ffast-math``: a NaN must stay one, and torch's rounding be left as it is."""
COMPILE_SECONDS = 120
C_TYPES: dict[type, Any] = {int: ctypes.c_long, float: ctypes.c_double}

log = logging.getLogger(__name__)


class Compiled:
    """The functions of a C file, by name; they return nothing and write into their arguments.

    source: the file; headers lie beside it. options: for the compiler.
    """

    def __init__(self, source: Path, *options: str) -> None:
        self._source = source
        self._command = (*COMPILE, *options)

    def serves(self, x: Tensor) -> bool:
        """Whether to call them on this: on one thread of a CPU, where they could be compiled."""
        return (
            x.device.type == "cpu"
            and torch.get_num_threads() == 1
            and not torch.compiler.is_compiling()
            and self.library is not None
        )

    def call(self, name: str, *arguments: Tensor | float | None) -> None:
        """Tensors go as pointers, ints as ``long``, floats as ``double``, None as null."""
        function = getattr(self.library, name)
        if function.argtypes is None:
            function.argtypes = [C_TYPES.get(type(one), ctypes.c_void_p) for one in arguments]
        function(*(one.data_ptr() if isinstance(one, Tensor) else one for one in arguments))

    @functools.cached_property
    def library(self) -> ctypes.CDLL | None:
        """From the user's cache if it is there; None, and a line in the log, where that fails."""
        try:
            path = user_cache() / "compiled" / f"{self._source.stem}-{self._digest()}.so"
            if not path.is_file():
                _compile([*self._command, str(self._source)], path)
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


def in_each_format(source: Path) -> dict[torch.dtype, Compiled]:
    """A C file that includes values.h, by what it keeps activations as."""
    return {torch.float32: Compiled(source), torch.bfloat16: Compiled(source, "-DBF16")}


def _compile(command: list[str], path: Path) -> None:
    """Whole or not at all: several workers may compile it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    os.close(handle)
    try:
        subprocess.run(
            [*command, "-o", name, "-lm"],
            check=True,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
