"""The compiled convolution, dense or separable, BatchNorm, pool and ReLU against torch's own."""

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
from trainables.compiled.conv_norm_pool_relu import Kernel, apply, is_supported
from trainables.layers.build import build_conv
from trainables.networks.resnet9 import ConvNorm, whole_kernel
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec
from trainables.training.trainer import Trainer

IMAGES = 6  # two at a time where there are 64 pixels, six where there are 16
SHAPES = [  # channels in and out, rows, columns, pool
    *((3, 8, 32, 32, 1), (3, 16, 16, 16, 2), (3, 64, 4, 32, 1), (8, 8, 16, 16, 1)),
    *((8, 16, 32, 32, 2), (8, 32, 4, 48, 1), (16, 8, 16, 16, 2), (16, 16, 16, 16, 1)),
    *((16, 32, 16, 32, 2), (32, 64, 8, 8, 2), (64, 64, 4, 4, 1), (48, 80, 6, 8, 2)),
    *((8, 8, 8, 4, 2), (64, 128, 16, 16, 1), (96, 8, 2, 8, 1)),
]
CASES = [(*shape, False) for shape in SHAPES]
CASES += [(*shape, True) for shape in SHAPES if shape[0] != 3 and shape[1] % 16 == 0]
cases = pytest.mark.parametrize(("into", "out", "rows", "columns", "pool", "separable"), CASES)
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


def make_kernel(into, out, separable=False):
    if not separable:
        return Kernel(torch.randn(out, into, 3, 3, requires_grad=True))
    matrix = torch.randn(out, into, requires_grad=True)
    return Kernel(matrix, torch.randn(into, 1, 3, 3, requires_grad=True))


def changed(kernel, change):
    return Kernel(
        *(None if one is None else change(one.detach()).requires_grad_() for one in kernel)
    )


def convolved(x, kernel, between=lambda x: x):
    if kernel.windows is None:
        return F.conv2d(x, kernel.weight, padding=1)
    x = between(F.conv2d(x, kernel.windows, padding=1, groups=x.shape[1]))
    return F.conv2d(x, kernel.weight[:, :, None, None])


def by_torch(x, kernel, norm, pool):
    y = norm(convolved(x, kernel))
    return F.relu(F.max_pool2d(y, pool) if pool > 1 else y)


def results(function, x, kernel, norm, pool, gradient):
    y = function(x, kernel, norm, pool)
    parameters = x, *filter(lambda one: one is not None, kernel), norm.weight, norm.bias
    learned = [one for one in parameters if one.requires_grad]
    gradients = torch.autograd.grad(y, learned, gradient.to(y.dtype))
    running = norm.running_mean, norm.running_var, norm.num_batches_tracked
    return [one.detach().double() for one in (y, *gradients, *running)]


@cases
def test_values_gradients_and_running_statistics_are_torchs_in_double(
    into, out, rows, columns, pool, separable
):
    x, norm = make_images(into, rows, columns), make_norm(out)
    kernel = make_kernel(into, out, separable)
    gradient = torch.randn(IMAGES, out, rows // pool, columns // pool)
    exact_x = x.detach().double().requires_grad_(into > 3)
    exact_kernel = changed(kernel, torch.Tensor.double)
    exact_norm = copy.deepcopy(norm).double()
    assert is_supported(x, norm, pool, separable=separable)
    ours = results(apply, x, kernel, norm, pool, gradient)
    exact = results(by_torch, exact_x, exact_kernel, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert mine.shape == wanted.shape
        assert (mine - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def kept_in_bf16(x, kernel, norm, pool):
    return norm_kept_in_bf16(convolved(kept(x), kernel, kept), norm, pool)


@pytest.mark.parametrize("instructions", [True, False])
@cases
def test_in_bf16_only_what_is_kept_is_rounded(
    into, out, rows, columns, pool, separable, instructions, monkeypatch
):
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", False)
    if not instructions:
        monkeypatch.setitem(FUNCTIONS, torch.bfloat16, WITHOUT_INSTRUCTIONS)
    x, norm = make_images(into, rows, columns), make_norm(out)
    x = x.detach().bfloat16().requires_grad_(into > 3)
    kernel = make_kernel(into, out, separable)
    gradient = torch.randn(IMAGES, out, rows // pool, columns // pool).bfloat16()
    exact_x = x.detach().double().requires_grad_(into > 3)
    exact_kernel = changed(kernel, lambda one: one.bfloat16().double())
    exact_norm = copy.deepcopy(norm).double()
    with torch.autocast("cpu", torch.bfloat16):
        assert is_supported(x, norm, pool, separable=separable)
        ours = results(apply, x, kernel, norm, pool, gradient)
    exact = results(kept_in_bf16, exact_x, exact_kernel, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert mine.shape == wanted.shape
        assert (mine - wanted).norm() <= 1e-3 * wanted.norm(), "a value in a thousand may go apart"


@pytest.mark.parametrize("images", [IMAGES, 7])
@cases
def test_evaluation_is_torchs_in_double_with_the_running_statistics(
    into, out, rows, columns, pool, separable, images
):
    x, norm = make_images(into, rows, columns, images=images).detach(), make_norm(out).eval()
    kernel = make_kernel(into, out, separable)
    before = copy.deepcopy(norm.state_dict())
    with torch.no_grad():
        assert is_supported(x, norm, pool, separable=separable)
        ours = apply(x, kernel, norm, pool)
        exact = by_torch(
            x.double(), changed(kernel, torch.Tensor.double), copy.deepcopy(norm).double(), pool
        )
    assert ours.shape == exact.shape
    assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())


@cases
def test_in_bf16_evaluation_rounds_only_what_is_kept(
    into, out, rows, columns, pool, separable, monkeypatch
):
    monkeypatch.setattr(conv_norm_pool_relu, "HAS_MATRICES", False)
    x, norm = make_images(into, rows, columns).detach().bfloat16(), make_norm(out).eval()
    kernel = make_kernel(into, out, separable)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert is_supported(x, norm, pool, separable=separable)
        ours = apply(x, kernel, norm, pool)
    exact_kernel = changed(kernel, lambda one: one.bfloat16().double())
    exact_norm = copy.deepcopy(norm).double()
    with torch.no_grad():
        exact = kept_in_bf16(x.double(), exact_kernel, exact_norm, pool)
    assert ours.dtype == torch.bfloat16
    assert (ours - exact).norm() <= 1e-3 * exact.norm(), "a value in a thousand may go apart"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_nan_reaches_the_pixels_around_it_and_then_its_channels_mean(dtype):
    x = make_images(8, 16, 16).detach().to(dtype)
    x[2, 5, 1, 1] = torch.nan
    y = apply(x.requires_grad_(), make_kernel(8, 16), make_norm(16), 1)
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
    assert is_supported(x, norm, 2, separable=True)
    assert is_supported(make_images(3, 16, 16), norm, 2)
    assert not is_supported(make_images(3, 16, 16), norm, 2, separable=True)
    assert is_supported(x, make_norm(8), 2)
    assert not is_supported(x, make_norm(8), 2, separable=True)
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
        ("separable", "factorized", True),
        ("low_rank", "reconstructed", True),
        ("low_rank", "factorized", False),
    ],
)
def test_a_layer_that_is_one_kernel_runs_in_it_whatever_its_family(family, route, taken):
    size = SIZES[family].size(ConvSpec(8, 16), RankRule(rank=3))
    generator = torch.Generator().manual_seed(0)
    layer = build_conv(size, input_hw=(16, 16), batch=IMAGES, generator=generator, route=route)
    assert (whole_kernel(layer) is not None) == taken
    block = ConvNorm(layer, 16, pool=2)
    y = block(make_images(8, 16, 16))
    exact = by_torch(make_images(8, 16, 16), Kernel(layer.kernel()), nn.BatchNorm2d(16), 2)
    assert torch.allclose(y, exact, atol=1e-4)


def test_convolutions_of_other_shapes_are_torchs():
    usual = {"kernel_size": 3, "padding": 1, "bias": False}
    assert whole_kernel(nn.Conv2d(8, 16, **usual)) is not None
    for other in ({"stride": 2}, {"padding": 0}, {"bias": True}, {"groups": 2}, {"dilation": 2}):
        assert whole_kernel(nn.Conv2d(8, 16, **{**usual, **other})) is None
    assert whole_kernel(nn.Identity()) is None


@pytest.mark.parametrize("layer", ["dense", "separable"])
def test_a_step_changes_the_network_as_with_torchs_convolutions(tiny, digits, monkeypatch, layer):
    """BatchNorm is compiled in both: torch's own is less exact than what is compared here."""
    networks = []
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(conv_norm_pool_relu, "is_supported", lambda *_, **__: False)
        config = tiny.with_values(precision="fp32", layer=layer, width=8)
        trainer = Trainer(config, digits, threads=1)
        assert trainer.train_epoch(lambda trainer=trainer: trainer.batches_done == 1) is None
        networks.append(trainer.network.state_dict())
    ours, torchs = networks
    for name, tensor in torchs.items():
        assert torch.allclose(ours[name], tensor, rtol=1e-4, atol=1e-5), name
    changed = [name for name, tensor in torchs.items() if not torch.equal(ours[name], tensor)]
    assert any(name.startswith("residual3") for name in changed), "the compiled code ran"
