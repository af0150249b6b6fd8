"""What processors without AVX-512 run of the compiled code, built for them and run once.

AVX2 code runs on the processor itself: QEMU 7.2 computes one of these cases wrongly in bf16, where
the processor is right. ARM code runs under QEMU. Where the tools are there (Debian: ``apt-get
install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross``):
``python -m pytest tests/trainables/compiled/test_emulated.py``.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainables.compiled.test_norm_pool_relu import (
    by_torch,
    kept_in_bf16,
    make_images,
    make_norm,
    results,
)
from trainables.compiled import norm_pool_relu
from trainables.compiled.compiler import COMPILE
from trainables.compiled.norm_pool_relu import Shape
from trainables.compiled.precision import read_cpu_flags
from trainables.data.augment import Augmenter
from trainables.data.augmentation import Augmentation, draw_epoch
from trainables.data.device_data import copy_to_device

DRIVER = Path(__file__).with_name("emulated.c")
HEADERS = Path(norm_pool_relu.__file__).parent
MACHINES = {  # the compiler, its option for the processor, the emulator
    "avx2": ("cc", "-march=haswell", []),
    "neon": ("aarch64-linux-gnu-gcc", "-march=armv8-a", ["qemu-aarch64"]),
    "sve": ("aarch64-linux-gnu-gcc", "-march=armv8.2-a+sve", ["qemu-aarch64", "-cpu", "max"]),
}
OPTIONS = [
    option
    for option in COMPILE
    if option.startswith(("-O", "-f")) and option not in ("-fPIC", "-shared")
]
CASES = [(8, 32, 1), (16, 16, 2), (64, 4, 1), (24, 6, 2), (3, 4, 2)]


@pytest.fixture(scope="module", params=MACHINES)
def machine(request):
    compiler, option, emulator = MACHINES[request.param]
    if not emulator and "avx2" not in read_cpu_flags():
        pytest.skip("this processor has no AVX2")
    for tool in (compiler, *emulator[:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    return compiler, option, emulator


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def program(request, machine, tmp_path_factory):
    """Command and number format of the emulated program."""
    compiler, option, emulator = machine
    binary = tmp_path_factory.mktemp("emulated") / "program"
    formats = ["-DBF16"] if request.param == "bf16" else []
    command = [compiler, option, *OPTIONS, *formats, "-static", f"-I{HEADERS}", str(DRIVER)]
    subprocess.run([*command, "-o", str(binary), "-lm"], check=True)
    return [*emulator, str(binary)], {"fp32": torch.float32, "bf16": torch.bfloat16}[request.param]


def raw(tensor):
    """The bytes of a tensor as the C functions see it: pixel by pixel."""
    if tensor.dim() == 4:
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()


def cut(output, like):
    """Tensors of these shapes and formats, one after another, from a program's output."""
    for one in like:
        count, shape = one.numel() * one.element_size(), one.shape
        part = torch.frombuffer(bytearray(output[:count]), dtype=one.dtype)
        output = output[count:]
        if one.dim() == 4:
            batch, channels, height, width = shape
            part = part.view(batch, height, width, channels).permute(0, 3, 1, 2)
        yield part.double()
    assert not output


@pytest.mark.parametrize(("channels", "side", "pool"), CASES)
def test_norm_pool_relu_is_torchs_in_double(program, channels, side, pool):
    command, dtype = program
    x, norm = make_images(channels, side).detach().to(dtype), make_norm(channels)
    gradient = torch.randn(6, channels, side // pool, side // pool).to(dtype)
    shape = np.array(Shape.of(x, pool), np.int64).tobytes()
    learned = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    given = shape + b"".join(raw(one) for one in (*learned, x, gradient))
    output = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout
    ours = list(cut(output, (gradient, gradient, x, *learned)))

    function = by_torch if dtype == torch.float32 else kept_in_bf16
    with torch.no_grad():
        evaluated = function(x.double(), make_norm(channels).double().eval(), pool)
    exact_x = x.double().requires_grad_()
    exact = results(function, exact_x, make_norm(channels).double(), pool, gradient)[:-1]
    near = 1e-5 if dtype == torch.float32 else 1e-3
    for mine, wanted in zip(ours, [evaluated, *exact], strict=True):
        assert (mine - wanted).norm() <= near * wanted.norm()


def test_augmentation_is_torchs(program, digits):
    command, _ = program
    how = Augmentation(32, crop=4, flip=True, cutout=8)
    pixels = copy_to_device(digits, torch.device("cpu")).train_pixels[:5].clone()
    augmenter = Augmenter(pixels, digits.mean, digits.std, how)
    draws = draw_epoch(np.arange(5), 1, 0, how)[:4]
    sizes = np.array([5, how.crops, how.draw_width, len(draws), how.side, how.cutout])
    arrays = (pixels, draws, augmenter._rows.to(torch.int32), augmenter._columns.to(torch.int32))
    constants = (augmenter._scale[:3], augmenter._shift[:3])
    given = [sizes.tobytes()]
    given += [one.contiguous().numpy().tobytes() for one in (*arrays, *constants)]
    command, given = [*command, "augment"], b"".join(given)
    output = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # torch's operations
    like = augmenter.augmented(draws), augmenter.plain(draws[:, 0])
    torch.set_num_threads(before)
    for mine, wanted in zip(cut(output, like), like, strict=True):
        assert (mine - wanted).abs().max() < 2e-6
