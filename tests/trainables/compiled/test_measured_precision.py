"""What ``precision="auto"`` comes to: a rule, and for networks of others a measurement."""

import json
import subprocess
import sys

import pytest

from tests.trainables.networks.foreign import TEN_LINES
from trainables.compiled.measured_precision import choose_precision
from trainables.compiled.precision import NATIVE_BF16, read_cpu_name
from trainables.config.installation import child_environment
from trainables.config.torch_process import answer_file, store_answer

HERE = {"image_size": 32, "classes": 10}
DIGEST = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def known(name: str, fp32: float, bf16: float) -> str:
    """A network that was measured on this machine before."""
    digest = name.rjust(16, "0")
    path = answer_file("speed_by_format", digest, 32, 10, read_cpu_name())
    store_answer(path, json.dumps({"fp32": fp32, "bf16": bf16}))
    return f"torchvision:{name}#{digest}"


def test_where_a_rule_says_it_nothing_is_measured():
    foreign = f"torchvision:a#{DIGEST}"
    assert choose_precision([foreign], **HERE, gpu=True, cpu_flags=()) == "bf16"
    assert choose_precision([foreign], **HERE, gpu=False, cpu_flags=("avx2",)) == "fp32"
    for flag in NATIVE_BF16:
        assert choose_precision(["resnet9"], **HERE, gpu=False, cpu_flags=(flag,)) == "bf16"


def test_the_faster_format_serves_all_networks_of_a_study():
    slow, fast = known("a", fp32=227.0, bf16=133.0), known("b", fp32=98.0, bf16=190.0)
    how = {**HERE, "gpu": False, "cpu_flags": NATIVE_BF16}
    assert choose_precision([slow], **how) == "fp32"
    assert choose_precision([fast], **how) == "bf16"
    assert choose_precision([slow, fast], **how) == "bf16"  # 133/227 of one, 190/98 of the other
    assert choose_precision([slow, slow, fast], **how) == "fp32"


@pytest.mark.slow
def test_a_network_is_measured_once(monkeypatch):
    words = [sys.executable, "-m", "trainables", "precision", TEN_LINES, "--json"]
    rates = json.loads(subprocess.check_output(words, text=True, env=child_environment()))
    assert set(rates) == {"fp32", "bf16"}
    assert min(rates.values()) > 0
    how = {**HERE, "gpu": False, "cpu_flags": NATIVE_BF16}
    first = choose_precision([f"{TEN_LINES}#{DIGEST}"], **how)
    assert first in rates
    monkeypatch.setattr(sys, "executable", "/no/python")  # a second measurement would fail
    assert choose_precision([f"{TEN_LINES}#{DIGEST}"], **how) == first
