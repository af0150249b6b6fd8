"""All multiply-adds of an image count, whatever makes them, and nobody else's."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.trainables.networks.foreign import FILE
from tests.trainables.networks.test_substitute import built
from tests.trainables.networks.watched_macs import watched_macs
from trainables.architectures.architecture import Architecture
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.network_size import size_network
from trainables.commands.layers import layers
from trainables.layers.kernel_on_demand import KernelOnDemand
from trainables.networks.registry import make_table, meta_module
from trainables.networks.substitute import factorized_layers

OTHERS = FILE.with_name("other_kinds.py")
ODD = FILE.with_name("odd_layers.py")

# by hand, of 8 channels of 8 x 8 pixels: see other_kinds.py
BESIDE = {
    "conv1d": 62 * 6 * 3 * 4,
    "conv3d": 8 * 8 * 8 * 6 * 27,
    "transposed1d": 64 * 8 * 6 * 3,
    "transposed2d": 64 * 8 * 3 * 9,
    "lstm": 8 * 4 * 5 * (8 + 5),
    "gru": 2 * 8 * 3 * 5 * (8 + 5),
    "bilinear": 5 * 8 * 8,
    "attention": 64 * (4 * 8 * 8) + 2 * 64 * 64 * 8,
    "product": 2 * 64 * 64 * 8,
    "einsum": 8 * 8 * 64,
    "vectors": 0,
    "deformed": 64 * 6 * 8 * 9,
    "own_padding": 0,
}
UNKNOWN = ("bilinear", "deformed")  # to torch's own counter


@pytest.mark.parametrize("kind", BESIDE)
def test_what_no_listed_layer_does_counts_as_by_hand(kind: str) -> None:
    table = make_table(f"{OTHERS}:make(part={kind!r})", image_size=32, classes=5)
    assert table.other_macs == BESIDE[kind]
    size = size_network(Architecture("low_rank", rank=2, table=table))
    seen = watched_macs(built(size), table) + (BESIDE[kind] if kind in UNKNOWN else 0)
    assert seen == size.macs(2)
    assert LayerTable.from_json(table.to_json()).macs == table.macs


def test_a_layer_that_computes_something_of_its_own_counts_what_it_does() -> None:
    table = make_table(f"{OTHERS}:make(part='own_padding')", image_size=32, classes=5)
    padded = next(row for row in table.rows if row.name == "2.part")
    assert padded.macs == 64 * 6 * 8 * 16
    again = LayerTable.from_json(table.to_json())
    assert again.rows == table.rows
    assert again.digest == table.digest


def test_what_was_counted_decides_no_digest() -> None:
    table = make_table(f"{OTHERS}:make(part='product')", image_size=32, classes=5)
    without = table.to_json().replace(f'"other_macs":{table.other_macs}', '"folder":""')
    before = LayerTable.from_json(without)
    assert before.digest == table.digest
    assert before.macs == table.macs - BESIDE["product"]
    assert before.other_macs is None
    assert "only its layers' multiply-adds are counted" in before.remarks[1]


def test_the_layers_say_how_much_is_in_none_of_them(capsys) -> None:
    layers(f"{OTHERS}:make(part='lstm')", classes=5)
    said = " ".join(capsys.readouterr().out.split())
    assert "2,080 (3.9%) of the multiply-adds in no layer that is listed" in said
    assert " of the parameters in no layer that is listed: biases and normalisation" in said


@pytest.mark.parametrize(
    ("name", "billions"), [("vit_b_16", 17.564), ("swin_t", 4.491), ("shufflenet_v2_x1_0", 0.145)]
)
def test_torchvision_publishes_as_many(name: str, billions: float) -> None:
    table = make_table(f"torchvision:{name}", image_size=224, classes=1000)
    assert table.macs / 1e9 == pytest.approx(billions, abs=6e-4)


def test_a_matrix_that_meets_no_image_counts_in_full() -> None:
    pytest.importorskip("timm")
    table = make_table("timm:test_vit_relpos", image_size=160, classes=10)  # biases by position
    module = meta_module(table).eval().requires_grad_(False)
    assert watched_macs(module, table, batch=1) == table.macs
    assert watched_macs(module, table, batch=2) < table.macs


@pytest.mark.parametrize("layer", ["tt_conv", "tensor_train", "tucker_original", "cp"])
def test_a_weight_that_is_asked_for_its_type_costs_nothing(layer: str) -> None:
    table = make_table(f"{ODD}:make_asking", image_size=32, classes=5)
    size = size_network(Architecture(layer, rank=2, table=table))
    module = built(size)
    assert set(factorized_layers(module)) == {"one", "two"}
    assert watched_macs(module, table) == pytest.approx(size.macs(2), rel=1e-12)


def test_a_weight_whose_values_are_used_too_stays_dense() -> None:
    table = make_table(f"{ODD}:make_reading", image_size=32, classes=5)
    reasons = {row.name: row.reason for row in table.rows}
    assert reasons["two"] == "its weights are used beside calling it"
    assert reasons["one"] == ""


def test_a_kernel_on_demand_is_the_kernel_once_its_values_are_used() -> None:
    factor, made = torch.nn.Parameter(torch.eye(3)), []

    def make() -> torch.Tensor:
        made.append(1)
        return factor @ factor.T

    kernel = KernelOnDemand.of((3, 3), factor, make)
    with FlopCounterMode(display=False) as counter:
        assert (kernel.shape, kernel.dtype, kernel.device) == ((3, 3), factor.dtype, factor.device)
        assert kernel.requires_grad
        assert len(kernel) == kernel.size(0) == kernel.new_zeros(3).numel() == 3
    assert counter.get_total_flops() == 0
    assert not made
    torch.nn.functional.linear(torch.ones(1, 3), kernel).sum().backward()
    assert made
    assert factor.grad is not None
    assert torch.equal(kernel.detach(), torch.eye(3))
    assert type(kernel + 0) is torch.Tensor
