"""C files of the project are compiled once a machine, and where that fails torch does the work."""

import ctypes
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.compiled import conv_norm_pool_relu, norm_pool_relu
from trainables.compiled.compiler import Compiled, c_structure
from trainables.compiled.conv_norm_pool_relu import Convolution, Scratch
from trainables.compiled.norm_pool_relu import BatchNorm, Shape
from trainables.networks.resnet9 import ConvNorm

PROJECT = Path(norm_pool_relu.__file__).parents[2]
SOURCE = Path(norm_pool_relu.__file__).with_suffix(".c")
compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "double.c"
    path.write_text(
        "#include <stdint.h>\n"
        "void twice(const float *x, int64_t n, float *y) { while (n--) y[n] = 2 * x[n]; }"
    )
    return path


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Nothing is compiled yet, and what will be is not kept for others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "cache" / "ranktune" / "compiled"
    torch.set_num_threads(before)


@compiler
def test_a_function_is_compiled_once_a_machine(source, kept, monkeypatch):
    assert Compiled(source).is_available(torch.empty(0))
    (file,) = kept.glob("*.so")
    monkeypatch.setenv("PATH", "")
    again, y = Compiled(source), torch.empty(3)
    again.call("twice", torch.tensor([1.0, 2.0, 4.0]), 3, y)
    assert y.tolist() == [2.0, 4.0, 8.0]
    assert list(kept.glob("*.so")) == [file]


@compiler
def test_two_workers_that_need_a_function_at_once_compile_it_once(source, kept, tmp_path):
    calls, compilers = tmp_path / "calls", tmp_path / "bin"
    compilers.mkdir()
    slow = compilers / "cc"
    slow.write_text(f'#!/bin/sh\necho >> {calls}\nsleep 3\nexec {shutil.which("cc")} "$@"\n')
    slow.chmod(0o755)
    load = "import sys, pathlib; from trainables.compiled.compiler import Compiled\n"
    load += "sys.exit(Compiled(pathlib.Path(sys.argv[1])).library is None)"
    environment = {**os.environ, "PATH": f"{compilers}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", load, str(source)]
    workers = [subprocess.Popen(command, cwd=PROJECT, env=environment) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert calls.read_text().count("\n") == 1
    assert len(list(kept.glob("*.so"))) == 1


@compiler
def test_changed_source_is_compiled_anew(source, kept):
    assert Compiled(source).library
    source.write_text(source.read_text().replace("2 *", "3 *"))
    y = torch.empty(1)
    Compiled(source).call("twice", torch.ones(1), 1, y)
    assert y.item() == 3
    assert len(list(kept.glob("*.so"))) == 2


@compiler
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_library_that_was_cut_short_is_compiled_anew(source, kept, share):
    """As a loss of power leaves it: to load half of one is the end of the process."""
    load = "import pathlib, sys; from trainables.compiled.compiler import Compiled; "
    load += "sys.exit(Compiled(pathlib.Path(sys.argv[1])).library is None)"
    command = [sys.executable, "-c", load, str(source)]
    subprocess.run(command, check=True, cwd=PROJECT)
    (file,) = kept.glob("*.so")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    subprocess.run(command, check=True, cwd=PROJECT)
    assert file.read_bytes() == whole


@compiler
def test_it_serves_one_thread_of_a_cpu(source):
    functions = Compiled(source)
    assert functions.is_available(torch.empty(0))
    assert not functions.is_available(torch.empty(0, device="meta"))
    torch.set_num_threads(2)
    assert not functions.is_available(torch.empty(0))


@compiler
def test_source_that_does_not_compile_leaves_nothing_behind(source, kept, caplog):
    source.write_text("int f( {")
    assert not Compiled(source).is_available(torch.empty(0))
    assert "error" in caplog.text
    assert [path.suffix for path in kept.iterdir()] in ([], [".lock"])


def test_without_a_compiler_torchs_operations_do_it_and_the_log_says_so_once(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_LANES", True)
    for module in (conv_norm_pool_relu, norm_pool_relu):
        source = Path(module.__file__).with_suffix(".c")
        monkeypatch.setitem(module.FUNCTIONS, torch.float32, Compiled(source))
    block = ConvNorm(nn.Conv2d(3, 8, 3, padding=1), 8, pool=2)
    x = torch.randn(2, 3, 16, 16).to(memory_format=torch.channels_last)
    with caplog.at_level(logging.WARNING):
        y = block(x)
        block(x)
    assert torch.equal(y, F.relu(F.max_pool2d(block.norm(block.conv(x)), 2)))
    reason = "is not compiled; torch is slower: "
    lines = [record.message.partition(reason)[0] for record in caplog.records]
    assert lines == ["conv_norm_pool_relu.c ", "norm_pool_relu.c "]


C_TYPES = {"int64_t": ctypes.c_int64, "double": ctypes.c_double}


@pytest.mark.parametrize(
    ("kind", "declared", "file"),
    [
        (Shape, "shape", "norm.h"),
        (BatchNorm, "batch_norm", "norm.h"),
        (Convolution, "convolution", "conv.h"),
        (Scratch, "scratch", "conv_norm_pool_relu.c"),
    ],
)
def test_a_structure_has_the_same_fields_in_python_and_in_c(kind, declared, file):
    text = re.sub(r"/\*.*?\*/", "", SOURCE.with_name(file).read_text(), flags=re.DOTALL)
    body = re.search(rf"struct {declared} {{(.*?)}}", text, re.DOTALL)[1]
    fields = []
    for line in filter(None, (part.strip() for part in body.split(";"))):
        c_type, names = re.fullmatch(r"(?:const )?(\w+) (.*)", line).groups()
        for name in names.split(", "):
            pointer = name.startswith("*")
            fields.append((name.strip("*"), ctypes.c_void_p if pointer else C_TYPES[c_type]))
    assert c_structure(kind)._fields_ == fields
