"""The compiled convolution, BatchNorm, pool and ReLU against torch's own."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.trainables.compiled.test_norm_pool_relu import kept, make_norm
from tests.trainables.compiled.test_norm_pool_relu import kept_in_bf16 as norm_kept_in_bf16
from trainables.compiled import conv_norm_pool_relu
from trainables.compiled.compiler import Compiled
from trainables.compiled.conv_norm_pool_relu import apply, is_supported
from trainables.layers.build import build_conv
from trainables.networks.resnet9 import ConvNorm, whole_kernel
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

IMAGES = 6  # two at a time where there are 64 pixels, six where there are 16
CASES = [  # channels in and out, rows, columns, pool
    *((3, 8, 32, 32, 1), (3, 16, 16, 16, 2), (3, 64, 4, 32, 1), (8, 8, 16, 16, 1)),
    *((8, 16, 32, 32, 2), (8, 32, 4, 48, 1), (16, 8, 16, 16, 2), (16, 16, 16, 16, 1)),
    *((16, 32, 16, 32, 2), (32, 64, 8, 8, 2), (64, 64, 4, 4, 1), (48, 80, 6, 8, 2)),
    *((8, 8, 8, 4, 2), (64, 128, 16, 16, 1), (96, 8, 2, 8, 1)),
]
FUNCTIONS = conv_norm_pool_relu.FUNCTIONS
SOURCE = Path(conv_norm_pool_relu.__file__).with_suffix(".c")
WITHOUT_INSTRUCTIONS = Compiled(SOURCE, "-DBF16", "-mno-avx512bf16")


@pytest.fixture(autouse=True)
def one_thread():
    if not (conv_norm_pool_relu.HAS_LANES and FUNCTIONS[torch.float32].library):
        pytest.skip("needs a C compiler and AVX-512")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def make_images(channels, rows, columns, mean=0.3, images=IMAGES):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(images, channels, rows, columns, generator=generator) + mean
    x = x.to(memory_format=torch.channels_last)
    return x if channels == 3 else x.requires_grad_()


def by_torch(x, kernel, norm, pool):
    y = norm(F.conv2d(x, kernel, padding=1))
    return F.relu(F.max_pool2d(y, pool) if pool > 1 else y)


def results(function, x, kernel, norm, pool, gradient):
    y = function(x, kernel, norm, pool)
    learned = [one for one in (x, kernel, norm.weight, norm.bias) if one.requires_grad]
    gradients = torch.autograd.grad(y, learned, gradient.to(y.dtype))
    running = norm.running_mean, norm.running_var, norm.num_batches_tracked
    return [one.detach().double() for one in (y, *gradients, *running)]


@pytest.mark.parametrize(("into", "out", "rows", "columns", "pool"), CASES)
def test_values_gradients_and_running_statistics_are_torchs_in_double(
    into, out, rows, columns, pool
):
    x, norm = make_images(into, rows, columns), make_norm(out)
    kernel = torch.randn(out, into, 3, 3, requires_grad=True)
    gradient = torch.randn(IMAGES, out, rows // pool, columns // pool)
    exact_x = x.detach().double().requires_grad_(into > 3)
    exact_kernel = kernel.detach().double().requires_grad_()
    exact_norm = copy.deepcopy(norm).double()
    assert is_supported(x, norm, pool)
    ours = results(apply, x, kernel, norm, pool, gradient)
    exact = results(by_torch, exact_x, exact_kernel, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert mine.shape == wanted.shape
        assert (mine - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def kept_in_bf16(x, kernel, norm, pool):
    return norm_kept_in_bf16(F.conv2d(kept(x), kernel, padding=1), norm, pool)


@pytest.mark.parametrize("instructions", [True, False])
@pytest.mark.parametrize(("into", "out", "rows", "columns", "pool"), CASES)
def test_in_bf16_only_what_is_kept_is_rounded(
    into, out, rows, columns, pool, instructions, monkeypatch
):
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", False)
    if not instructions:
        monkeypatch.setitem(FUNCTIONS, torch.bfloat16, WITHOUT_INSTRUCTIONS)
    x, norm = make_images(into, rows, columns), make_norm(out)
    x = x.detach().bfloat16().requires_grad_(into > 3)
    kernel = torch.randn(out, into, 3, 3, requires_grad=True)
    gradient = torch.randn(IMAGES, out, rows // pool, columns // pool).bfloat16()
    exact_x = x.detach().double().requires_grad_(into > 3)
    exact_kernel = kernel.detach().bfloat16().double().requires_grad_()
    exact_norm = copy.deepcopy(norm).double()
    with torch.autocast("cpu", torch.bfloat16):
        assert is_supported(x, norm, pool)
        ours = results(apply, x, kernel, norm, pool, gradient)
    exact = results(kept_in_bf16, exact_x, exact_kernel, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert mine.shape == wanted.shape
        assert (mine - wanted).norm() <= 1e-3 * wanted.norm(), "a value in a thousand may go apart"


@pytest.mark.parametrize("images", [IMAGES, 7])
@pytest.mark.parametrize(("into", "out", "rows", "columns", "pool"), CASES)
def test_evaluation_is_torchs_in_double_with_the_running_statistics(
    into, out, rows, columns, pool, images
):
    x, norm = make_images(into, rows, columns, images=images).detach(), make_norm(out).eval()
    kernel = torch.randn(out, into, 3, 3)
    before = copy.deepcopy(norm.state_dict())
    with torch.no_grad():
        assert is_supported(x, norm, pool)
        ours = apply(x, kernel, norm, pool)
        exact = by_torch(x.double(), kernel.double(), copy.deepcopy(norm).double(), pool)
    assert ours.shape == exact.shape
    assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())


@pytest.mark.parametrize(("into", "out", "rows", "columns", "pool"), CASES)
def test_in_bf16_evaluation_rounds_only_what_is_kept(into, out, rows, columns, pool, monkeypatch):
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", False)
    x, norm = make_images(into, rows, columns).detach().bfloat16(), make_norm(out).eval()
    kernel = torch.randn(out, into, 3, 3)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert is_supported(x, norm, pool)
        ours = apply(x, kernel, norm, pool)
    exact_kernel, exact_norm = kernel.bfloat16().double(), copy.deepcopy(norm).double()
    with torch.no_grad():
        exact = kept_in_bf16(x.double(), exact_kernel, exact_norm, pool)
    assert ours.dtype == torch.bfloat16
    assert (ours - exact).norm() <= 1e-3 * exact.norm(), "a value in a thousand may go apart"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_nan_reaches_the_pixels_around_it_and_then_its_channels_mean(dtype):
    x = make_images(8, 16, 16).detach().to(dtype)
    x[2, 5, 1, 1] = torch.nan
    y = apply(x.requires_grad_(), torch.randn(16, 8, 3, 3), make_norm(16), 1)
    assert y.isnan().all()


def test_it_takes_tiles_of_pixels_in_fp32_or_bf16_on_one_thread(monkeypatch):
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", False)
    x, norm = make_images(8, 16, 16), make_norm(16)
    assert is_supported(x, norm, 2)
    assert not is_supported(x.contiguous(), norm, 2)
    assert not is_supported(x[..., :8], norm, 2)
    assert not is_supported(x, make_norm(12), 2)
    assert not is_supported(make_images(24, 16, 16), norm, 2)
    assert not is_supported(make_images(8, 16, 12), norm, 2)
    assert not is_supported(make_images(8, 3, 8), norm, 1)
    assert not is_supported(make_images(3, 16, 16).requires_grad_(), norm, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert is_supported(x, norm, 2)
        monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", True)
        assert not is_supported(x, norm, 2)
    assert is_supported(x, norm, 2)
    with torch.autocast("cpu", torch.float16):
        assert not is_supported(x, norm, 2)
    with torch.no_grad():
        assert not is_supported(x, norm, 2)
        assert is_supported(x, make_norm(16).eval(), 2)
    torch.set_num_threads(2)
    assert not is_supported(x, norm, 2)


@pytest.mark.parametrize(
    ("family", "route", "taken"),
    [
        ("dense", "factorized", True),
        ("tt_conv", "reconstructed", True),
        ("tt_conv", "factorized", False),
        ("low_rank", "factorized", False),
    ],
)
def test_a_layer_that_is_one_convolution_runs_in_it_whatever_its_family(family, route, taken):
    size = SIZES[family].size(ConvSpec(8, 16), RankRule(rank=3))
    generator = torch.Generator().manual_seed(0)
    layer = build_conv(size, input_hw=(16, 16), batch=IMAGES, generator=generator, route=route)
    assert (whole_kernel(layer) is not None) == taken
    block = ConvNorm(layer, 16, pool=2)
    y = block(make_images(8, 16, 16))
    exact = by_torch(make_images(8, 16, 16), layer.kernel(), nn.BatchNorm2d(16), 2)
    assert torch.allclose(y, exact, atol=1e-4)


def test_convolutions_of_other_shapes_are_torchs():
    usual = {"kernel_size": 3, "padding": 1, "bias": False}
    assert whole_kernel(nn.Conv2d(8, 16, **usual)) is not None
    for other in ({"stride": 2}, {"padding": 0}, {"bias": True}, {"groups": 2}, {"dilation": 2}):
        assert whole_kernel(nn.Conv2d(8, 16, **{**usual, **other})) is None
    assert whole_kernel(nn.Identity()) is None
