"""The counts that the original 2018 code gives for the whole ResNet-9 (gngdb/cifar10-fast)."""

import pytest

from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network

REFERENCE = {
    Architecture("dense"): 6_573_120,
    Architecture("separable"): 755_968,
    Architecture("low_rank", rank_divisor=2): 841_984,
    Architecture("low_rank", rank_divisor=10): 188_544,
    Architecture("low_rank", rank_divisor=31): 77_824,
    Architecture("tensor_train", rank_scale=0.25, dims=3): 79_248,
    Architecture("tensor_train", rank_scale=0.5, dims=3): 222_752,
    Architecture("tensor_train", rank_scale=0.5, dims=4): 63_994,
    Architecture("tucker_original", rank_scale=0.5, dims=3): 241_840,
    Architecture("tucker_original", rank_scale=0.5, dims=4): 137_207,
    Architecture("cp", rank_scale=0.5, dims=3): 44_832,
}


@pytest.mark.parametrize("architecture", REFERENCE, ids=str)
def test_parameters_are_those_of_the_original(architecture: Architecture) -> None:
    assert size_network(architecture).parameters == REFERENCE[architecture]


@pytest.mark.parametrize(("layer", "macs"), [("dense", 379_261_952), ("separable", 45_487_104)])
@pytest.mark.parametrize("batch", [1, 512])
def test_multiply_adds_are_those_of_the_original(layer: str, macs: int, batch: int) -> None:
    assert size_network(Architecture(layer)).macs(batch) == macs


def test_11_328_parameters_are_never_decomposed() -> None:
    size = size_network(Architecture("tensor_train", rank=3))
    assert size.fixed_parameters == 11_328
    assert size.parameters == size.factor_parameters + 11_328


@pytest.mark.parametrize(
    ("layer", "dims", "scale", "fraction"),
    [("tensor_train", 4, 1.0, 0.0260), ("tensor_train", 5, 1.0, 0.0092), ("cp", 3, 1.0, 0.0096)],
)
def test_scale_one_ends_at_a_known_fraction(
    layer: str, dims: int, scale: float, fraction: float
) -> None:
    size = size_network(Architecture(layer, rank_scale=scale, dims=dims))
    factors = size.factor_parameters / (size.dense_parameters - size.fixed_parameters)
    assert round(factors, 4) == fraction or round(size.compression, 4) == fraction


def test_a_reconstruction_is_paid_once_a_batch() -> None:
    size = size_network(Architecture("tensor_train", rank_scale=0.5, dims=3))
    assert set(size.routes(1)) == {"reconstructed"}  # its modes straddle outputs and inputs
    separable = size_network(Architecture("separable")).macs(1)
    once = size.macs(1) - separable
    assert size.macs(512) - separable == pytest.approx(once / 512)
