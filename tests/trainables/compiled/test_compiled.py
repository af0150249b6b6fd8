"""C files of the project are compiled once a machine, and where that fails torch does the work."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.compiled import norm_pool_relu
from trainables.compiled.compiler import Compiled
from trainables.networks.resnet9 import ConvNorm

SOURCE = Path(norm_pool_relu.__file__).with_suffix(".c")
compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "double.c"
    path.write_text("void twice(const float *x, long n, float *y) { while (n--) y[n] = 2 * x[n]; }")
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
    assert Compiled(source).serves(torch.empty(0))
    (file,) = kept.iterdir()
    monkeypatch.setenv("PATH", "")
    again, y = Compiled(source), torch.empty(3)
    again.call("twice", torch.tensor([1.0, 2.0, 4.0]), 3, y)
    assert y.tolist() == [2.0, 4.0, 8.0]
    assert list(kept.iterdir()) == [file]


@compiler
def test_changed_source_is_compiled_anew(source, kept):
    assert Compiled(source).library
    source.write_text(source.read_text().replace("2 *", "3 *"))
    y = torch.empty(1)
    Compiled(source).call("twice", torch.ones(1), 1, y)
    assert y.item() == 3
    assert len(list(kept.iterdir())) == 2


@compiler
def test_it_serves_one_thread_of_a_cpu(source):
    functions = Compiled(source)
    assert functions.serves(torch.empty(0))
    assert not functions.serves(torch.empty(0, device="meta"))
    torch.set_num_threads(2)
    assert not functions.serves(torch.empty(0))


@compiler
def test_source_that_does_not_compile_leaves_nothing_behind(source, kept, caplog):
    source.write_text("int f( {")
    assert not Compiled(source).serves(torch.empty(0))
    assert "error" in caplog.text
    assert list(kept.iterdir()) == []


def test_without_a_compiler_torchs_operations_do_it_and_the_log_says_so_once(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(norm_pool_relu.FUNCTIONS, torch.float32, Compiled(SOURCE))
    block = ConvNorm(nn.Conv2d(3, 8, 3, padding=1), 8, pool=2)
    x = torch.randn(2, 3, 6, 6).to(memory_format=torch.channels_last)  # not a tile of the other's
    with caplog.at_level(logging.WARNING):
        y = block(x)
        block(x)
    assert torch.equal(y, F.relu(F.max_pool2d(block.norm(block.conv(x)), 2)))
    (line,) = [record.message for record in caplog.records]
    assert line.startswith("norm_pool_relu.c is not compiled; torch is slower: ")
