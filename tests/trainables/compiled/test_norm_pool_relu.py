"""The compiled BatchNorm, pool and ReLU against torch's own."""

import copy
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.compiled import conv_norm_pool_relu, norm_pool_relu
from trainables.compiled.norm_pool_relu import apply, is_supported
from trainables.training.trainer import Trainer

compiled = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
CASES = [(8, 32, 1), (16, 16, 2), (32, 8, 2), (32, 8, 1), (64, 4, 1), (24, 6, 2), (3, 4, 2)]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def make_norm(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.normal_(generator=generator)  # some turn the order of pixels around
        norm.bias.normal_(generator=generator)
        norm.running_mean.normal_(generator=generator)
    return norm


def make_images(channels, side, seed=0, mean=3.0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, channels, side, side, generator=generator) * 2 + mean
    return x.to(memory_format=torch.channels_last).requires_grad_()


def by_torch(x, norm, pool):
    y = norm(x)
    return F.relu(F.max_pool2d(y, pool) if pool > 1 else y)


def kept_in_bf16(x, norm, pool):
    return kept(by_torch(kept(x), norm, pool))


def kept(x):
    return _Kept.apply(x, torch.bfloat16)


class _Kept(torch.autograd.Function):
    """A value and its gradient, rounded as they are kept."""

    @staticmethod
    def forward(ctx, x, dtype):
        ctx.dtype = dtype
        return x.to(dtype).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.to(ctx.dtype).to(gradient.dtype), None


def results(function, x, norm, pool, gradient):
    y = function(x, norm, pool)
    gradients = torch.autograd.grad(y, [x, norm.weight, norm.bias], gradient.to(y.dtype))
    running = norm.running_mean, norm.running_var, norm.num_batches_tracked
    return [one.detach().double() for one in (y, *gradients, *running)]


@compiled
@pytest.mark.parametrize(("channels", "side", "pool"), CASES)
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_values_gradients_and_running_statistics_are_torchs_in_double(channels, side, pool, mean):
    x, norm = make_images(channels, side, mean=mean), make_norm(channels)
    exact_x = x.detach().double().requires_grad_()
    exact_norm = make_norm(channels).double()
    with torch.no_grad():
        before = F.batch_norm(exact_x, None, None, exact_norm.weight, exact_norm.bias, True)
    near = 1e-5 if mean == 0 else 1e-4  # of what fp32 can hold of x itself
    assert before.abs().min() > near / 100, "a value so near the ReLU's corner may go either way"
    gradient = torch.randn(6, channels, side // pool, side // pool)
    assert is_supported(x, norm, pool)
    ours = results(apply, x, norm, pool, gradient)
    exact = results(by_torch, exact_x, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert mine.shape == wanted.shape
        assert (mine - wanted).abs().max() <= near * wanted.abs().max()


@compiled
@pytest.mark.parametrize(("channels", "side", "pool"), CASES)
def test_in_bf16_only_what_is_kept_is_rounded(channels, side, pool):
    x = make_images(channels, side).detach().bfloat16().requires_grad_()
    exact_x = x.detach().double().requires_grad_()
    norm, exact_norm = make_norm(channels), make_norm(channels).double()
    gradient = torch.randn(6, channels, side // pool, side // pool).bfloat16()
    assert is_supported(x, norm, pool)
    ours = results(apply, x, norm, pool, gradient)
    exact = results(kept_in_bf16, exact_x, exact_norm, pool, gradient)
    for mine, wanted in zip(ours, exact, strict=True):
        assert (mine - wanted).norm() <= 1e-3 * wanted.norm(), "a value in a thousand may go apart"


@compiled
@pytest.mark.parametrize(("channels", "side", "pool"), CASES)
def test_evaluation_is_torchs_in_double_with_the_running_statistics(channels, side, pool):
    x, norm = make_images(channels, side).detach(), make_norm(channels).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with torch.no_grad():
        exact = by_torch(x.double(), make_norm(channels).eval().double(), pool)
        assert is_supported(x, norm, pool)
        ours = apply(x, norm, pool)
        assert is_supported(x.bfloat16(), norm, pool)
        rounded = apply(x.bfloat16(), norm, pool)
        exact_rounded = kept_in_bf16(x.double(), make_norm(channels).eval().double(), pool)
    assert ours.shape == exact.shape
    assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()
    assert (rounded - exact_rounded).norm() <= 1e-3 * exact_rounded.norm()
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())


@compiled
def test_evaluation_of_a_network_is_torchs_in_double(tiny, digits):
    trainer = Trainer(tiny.with_values(precision="fp32", width=8), digits, threads=1)
    trainer.train_epoch()
    network = trainer.network.eval()
    images = torch.randn(7, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        ours = network(images)
        exact = copy.deepcopy(network).double()(images.double())
    assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()


@compiled
def test_of_equal_pixels_the_first_gets_the_gradient_as_in_torch():
    x = torch.randint(0, 2, (4, 8, 8, 8)).float().to(memory_format=torch.channels_last)
    gradient = torch.randn(4, 8, 4, 4)
    ours, torchs = (
        results(function, x.clone().requires_grad_(), make_norm(8), 2, gradient)
        for function in (apply, by_torch)
    )
    for mine, wanted in zip(ours, torchs, strict=True):
        assert torch.allclose(mine, wanted, atol=1e-5)


@compiled
@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_nan_stays_one(pool, dtype):
    x = make_images(8, 4).detach().to(dtype)
    x[2, 5, 1, 1] = torch.nan
    y = apply(x.requires_grad_(), make_norm(8), pool)
    assert y[:, 5].isnan().all()
    assert not y[:, :5].isnan().any()


@compiled
def test_it_takes_fp32_and_bf16_on_one_thread_of_a_cpu():
    x, norm = make_images(8, 4), make_norm(8)
    assert is_supported(x, norm, 2)
    assert is_supported(x.bfloat16(), norm, 2)
    assert not is_supported(x.half(), norm, 2)
    assert not is_supported(x.contiguous(), norm, 2)
    assert not is_supported(x[:, :, :3], norm, 2)
    assert not is_supported(x, nn.BatchNorm2d(8, affine=False), 2)
    assert not is_supported(x, nn.BatchNorm2d(8, track_running_stats=False), 2)
    assert not is_supported(x, nn.BatchNorm2d(8, momentum=None), 2)
    assert not is_supported(x, norm.eval(), 2), "whose gradient is not written"
    with torch.no_grad():
        assert is_supported(x, norm, 2)
        norm.train()
        assert not is_supported(x, norm, 2)
    torch.set_num_threads(2)
    assert not is_supported(x, norm, 2)


@compiled
def test_a_step_changes_the_network_as_torchs_operations_do(tiny, digits, monkeypatch):
    """A step only: each doubles what rounding makes of two runs. torch's own BatchNorm adds up in
    fp32, and its variance of a batch is off by some 1e-4."""
    networks = []
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(conv_norm_pool_relu, "is_supported", lambda *_, **__: False)
            monkeypatch.setattr(norm_pool_relu, "is_supported", lambda *_: False)
        trainer = Trainer(tiny.with_values(precision="fp32"), digits, threads=1)
        assert trainer.train_epoch(lambda trainer=trainer: trainer.batches_done == 1) is None
        networks.append(trainer.network.state_dict())
    ours, torchs = networks
    for name, tensor in torchs.items():
        assert torch.allclose(ours[name].float(), tensor.float(), rtol=1e-3, atol=1e-4), name
    assert any(not torch.equal(ours[name], tensor) for name, tensor in torchs.items())


@compiled
def test_the_variance_of_many_images_is_exact():
    x = make_images(8, 32, mean=0.1).detach().repeat(40, 1, 1, 1)
    norm = nn.BatchNorm2d(8, momentum=1.0)
    apply(x.to(memory_format=torch.channels_last).requires_grad_(), norm, 1)
    exact = x.double().var((0, 2, 3))
    assert ((norm.running_var - exact) / exact).abs().max() < 1e-6
