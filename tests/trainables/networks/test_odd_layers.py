"""What a network does with a layer beside calling it: counted right, or the layer stays dense."""

import pytest
import torch
from torch import nn

from tests.trainables.networks.foreign import FILE, TEN_LINES
from tests.trainables.networks.watched_macs import watched_macs
from trainables.architectures.architecture import Architecture
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.architectures.selection import SelectionError, chosen_rows
from trainables.compiled.measured_precision import trial_precision
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.exporting.plain_convs import FACTORS, make_plain
from trainables.networks.build import build_network
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module, make_table, meta_module
from trainables.networks.speed import images_per_second
from trainables.networks.substitute import factorized_layers, substitute
from trainables.networks.trace import BYPASSED

ODD = FILE.with_name("odd_layers.py")
REPLACED = (
    "of_named_inputs",
    "reading",
    "image_by_image",
    "patches",
    "positions",
    "of_two_names",
    "shared_bias",
    "of_five_dimensions",
    "lazy",
    "encoder",
)


def table_of(name: str) -> LayerTable:
    return make_table(f"{ODD}:make_{name}", image_size=32, classes=5)


def size_of(name: str, layer: str = "tucker2") -> NetworkSize:
    return size_network(Architecture(layer, rank=2, table=table_of(name)))


def kept(name: str) -> str:
    reasons = {row.name: row.reason for row in table_of(name).rows}
    assert reasons["stem"] == reasons["head"] == ""
    return reasons["one"]


@pytest.mark.parametrize("layer", ["tucker2", "tensor_train"])
@pytest.mark.parametrize("name", REPLACED)
def test_such_a_network_has_the_counts_that_were_planned_and_trains(name: str, layer: str) -> None:
    size = size_of(name, layer)
    network = build_network(size, batch=2, seed=0)
    assert len(factorized_layers(network)) == size.factorized >= 1
    assert sum(one.numel() for one in network.parameters()) == size.parameters
    network(torch.randn(3, 3, 32, 32)).square().mean().backward()
    assert all(one.grad is not None for one in network.parameters())
    with torch.no_grad():  # torch's blocks take other paths here
        x = torch.randn(1, 3, 32, 32)
        assert network.eval()(x).shape == (1, 5)
        plain = make_plain(network, size, form=FACTORS)
        torch.testing.assert_close(plain(x), network(x), rtol=1e-4, atol=1e-5)


def multiply_adds(module: nn.Module, images: int) -> float:
    """Per image, of a dense network: by the shapes of all outputs."""
    total = 0

    def watch(layer: nn.Conv2d | nn.Linear, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        total += layer.weight.numel() * (output.numel() // layer.weight.shape[0])

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(watch)
    module.eval()(torch.empty(images, 3, 32, 32, device="meta"))
    return total / images


@pytest.mark.parametrize("name", ["patches", "image_by_image", "of_two_names", "positions"])
def test_multiply_adds_are_those_of_one_image(name: str) -> None:
    table = table_of(name)
    module = meta_module(table)
    assert table.macs == multiply_adds(module, 1)


def test_parts_of_images_are_as_many_images_to_a_layer() -> None:
    table = table_of("patches")
    one = next(row for row in table.rows if row.name == "one")
    assert one.inputs == ((8, 8, 16),)
    again = LayerTable.from_json(table.to_json())
    assert again.rows == table.rows
    for layer in ("tucker2", "tensor_train", "tucker"):
        size = size_of("patches", layer)
        module = substitute(meta_module(table).eval(), size, batch=2)
        assert watched_macs(module, table) == pytest.approx(size.macs(2), rel=1e-12)
    whole, parts = size_of("of_named_inputs"), size_of("patches")
    assert parts.activations == whole.activations


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("listed", BYPASSED),
        ("by_type", BYPASSED),
        ("hooked", "hooks on it change what it does"),
        ("own_forward", "a Conv2d computes something of its own"),
        ("computed_bias", "its bias is computed from other parameters"),
        ("tied_on_the_cpu", "its weight is shared with another layer"),
    ],
)
def test_a_layer_that_factors_cannot_stand_for_stays_dense(name: str, reason: str) -> None:
    assert kept(name) == reason
    table = table_of(name)
    assert table.parameters == sum(one.numel() for one in make_module(table).parameters())


@pytest.mark.parametrize(
    ("name", "shares", "shared_with"),
    [
        ("tied_on_the_cpu", {"one": 576, "two": 0}, {"one": "two", "two": "one"}),
        ("tied_with_another_kind", {"one": 576, "two": 576}, {"one": "back", "two": ""}),
        ("of_few_parameters", {"one": 72, "two": 576}, {"one": "", "two": ""}),
        ("fixed_weight", {"one": 0, "two": 576}, {"one": "", "two": ""}),
    ],
)
def test_each_parameter_counts_in_one_layer(
    name: str, shares: dict[str, int], shared_with: dict[str, str]
) -> None:
    table = table_of(name)
    rows = {row.name: row for row in table.rows}
    assert {row: rows[row].parameters for row in shares} == shares
    assert {row: rows[row].shared_with for row in shared_with} == shared_with
    biases = {key: one for key, one in make_module(table).named_parameters() if "bias" in key}
    assert table.other_parameters == sum(one.numel() for one in biases.values())
    again = LayerTable.from_json(table.to_json())
    assert (again.rows, again.digest) == (table.rows, table.digest)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scripted", "its part one is a torch.jit.ScriptModule: return the module"),
        pytest.param(
            "compiled",
            "it went through torch.compile: return it as it was; the key compile",
            marks=pytest.mark.slow,  # torch imports its compiler
        ),
        ("map", r"got \(batch, 5, 1, 1\); flatten\(1\) gives them"),
        ("in_half", r"it holds tensors of torch.float16: return it in torch.float32"),
    ],
)
def test_a_network_that_hides_its_layers_is_refused(name: str, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        table_of(name)


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
def test_weights_that_are_computed_from_others_are_exported() -> None:
    size = size_of("normed_weights")
    reasons = [row.reason for row in size.table.rows if row.name.startswith("normed")]
    assert reasons == ["its weight is computed from other parameters"] * 3 + [
        "hooks on it change what it does"
    ]
    network = build_network(size, batch=2, seed=0)
    for _ in range(2):
        network(torch.randn(8, 3, 32, 32) + 1).sum().backward()
    network.eval()
    x = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        plain = make_plain(network, size, form=FACTORS)
        torch.testing.assert_close(plain(x), network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "keep", "told", "advice"),
    [
        ("lazy", "one two", "first, kept by name, last", "first+last"),
        ("lazy", "*+first+last", "kept by name", ""),
        ("one_layer", "", "first and last", "first+last"),
        ("grouped_first", "", "depthwise, last", "last"),
    ],
)
def test_nothing_that_can_be_replaced_is_explained_and_the_advice_works(
    name: str, keep: str, told: str, advice: str
) -> None:
    table = table_of(name)
    with pytest.raises(SelectionError) as wrong:
        chosen_rows(table, keep=keep)
    ends = "; the first and the last stay unless they are named"
    assert f"can be replaced: {told}{f'{ends} (replace={advice})' if advice else ''}" in str(
        wrong.value
    )
    if advice:
        assert chosen_rows(table, advice, keep)


def test_a_format_in_which_gradients_are_not_finite_is_no_choice() -> None:
    rates = images_per_second(table_of("lost_in_bf16"), ("fp32", "bf16"))
    assert rates["fp32"] > 0
    assert rates["bf16"] == 0


def test_a_network_with_a_dilated_convolution_is_not_trained_in_bf16_on_a_cpu() -> None:
    rates = images_per_second(table_of("dilated"), ("fp32", "bf16"))
    assert rates["fp32"] > 0
    assert rates["bf16"] == 0
    keys = {"network": f"{ODD}:make_dilated", "classes": 5, "precision": "bf16"}
    config = TrainConfig.from_trial(keys)
    assert trial_precision(config, gpu=True) == "bf16"
    with pytest.raises(ConfigError, match=r"wrong in bf16 \(layer dilated\); set precision=fp32"):
        trial_precision(config, gpu=False)
    for others in ({"precision": "fp32"}, {"network": TEN_LINES}):
        trial_precision(TrainConfig.from_trial({**keys, **others}), gpu=False)
