"""Exported networks give the trained ones' outputs, in any form, read back, at any batch."""

import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.trainables.trained_study import DENSE, train_study
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network
from trainables.compression.compress import compress
from trainables.compression.evaluation import read_images
from trainables.compression.target import Target
from trainables.compression.trained import Trained, load_trained
from trainables.exporting.export import (
    FASTEST,
    FORMS,
    ExportError,
    _choose,
    describe,
    export,
    write_files,
)
from trainables.exporting.export_card import make_card, store_card
from trainables.exporting.latency import Latency
from trainables.exporting.limits import Limits
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain, plain_macs
from trainables.layers.base import FactorizedConv2d
from trainables.layers.registry import LAYERS
from trainables.networks.build import build_network
from trainables.sizes.registry import SIZES

SHORT = 0.01  # seconds of measuring: the least number of runs
SMALL = DENSE.with_values(width=4, epochs=1)
RANKED = {"rank": 3, "dims": 4}


@pytest.fixture(scope="module")
def study(tmp_path_factory, digits):
    return train_study(tmp_path_factory.mktemp("study"), digits, SMALL)


@pytest.fixture(scope="module")
def trained(study) -> Trained:
    return load_trained(*study)


@pytest.fixture(scope="module")
def images(trained, digits):
    return read_images(trained.config, digits, 128)


@pytest.fixture(scope="module")
def exported(trained, images):
    return export(trained.network, trained.size, images, batch=4, seconds=SHORT)


def outputs(network, images):
    with torch.inference_mode():
        return network(images)


def used_network(layer: str, ranked=RANKED, width=4, batch=8):
    """Random factors, and BatchNorms that have seen something."""
    ranked = ranked if SIZES[layer].ranked else {}
    size = size_network(Architecture(layer, width=width, **ranked))
    network = build_network(size, batch=batch, seed=1)
    network.train()
    outputs(network, torch.randn(8, 3, 32, 32) + 0.5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval(), size


@pytest.mark.parametrize("form", [FACTORS, FOLDED])
@pytest.mark.parametrize("fold_norm", [True, False])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_plain_network_equals_the_one_it_was_made_of(layer, form, fold_norm):
    network, size = used_network(layer)
    plain = make_plain(network, size, form=form, fold_norm=fold_norm)
    images = torch.randn(8, 3, 32, 32)
    wanted = outputs(network, images)
    torch.testing.assert_close(outputs(plain, images), wanted, atol=1e-5, rtol=1e-5)
    has_norm = any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    keeps = any(isinstance(module, FactorizedConv2d) for module in plain.modules())
    assert has_norm == (not fold_norm or keeps)


def stored(network) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("ranked", [{"rank": 3, "dims": 4}, {"rank": 2, "dims": 2}, {"rank": 9}])
def test_the_form_of_factors_stores_no_more_numbers_than_training_did(layer, ranked):
    network, size = used_network(layer, ranked)
    assert stored(network) == size.parameters
    assert stored(make_plain(network, size, form=FACTORS)) <= size.parameters


def test_a_norm_without_parameters_is_folded_only_where_nothing_grows():
    network, size = used_network("dense")
    for block in ("prep", "layer1"):
        out = network.get_submodule(block).norm.num_features
        network.get_submodule(block).norm = nn.BatchNorm2d(out, affine=False)
    before = stored(network)
    plain = make_plain(network.eval(), size, form=FACTORS)
    assert stored(plain) <= before
    assert isinstance(plain.prep.norm, nn.BatchNorm2d)
    assert isinstance(plain.layer2.norm, nn.Identity)
    assert isinstance(make_plain(network, size, form=FOLDED).prep.norm, nn.Identity)


def test_a_tensor_train_whose_matrix_is_larger_keeps_its_cores():
    network, size = used_network("tensor_train", {"rank": 2, "dims": 4}, width=16)
    factors, folded = (make_plain(network, size, form=form) for form in (FACTORS, FOLDED))
    assert stored(factors) < stored(folded) / 4


@pytest.mark.parametrize("layer", LAYERS)
def test_kept_factors_count_as_many_multiply_adds_as_the_sizes_say(layer):
    network, size = used_network(layer)
    kept, folded = (make_plain(network, size, form=form) for form in (FACTORS, FOLDED))
    if stored(kept) >= stored(folded):
        assert plain_macs(kept, size, 8) <= plain_macs(folded, size, 8)
    if layer in ("tt_conv", "tucker2", "low_rank"):
        # a route that needs no reconstruction costs what the sizes say
        factors = sum(
            cost.macs(layer.spec, *hw, batch=10**9)
            for layer, hw in zip(size.layers, size.input_hw, strict=True)
            for cost in [layer.factorized]
        )
        fixed = size.macs(1) - sum(
            layer.macs(*hw, 1) for layer, hw in zip(size.layers, size.input_hw, strict=True)
        )
        assert plain_macs(kept, size, 8) <= factors + fixed


def test_counted_multiply_adds_are_those_of_the_modules_that_run():
    network, size = used_network("tt_conv")
    plain = make_plain(network, size, form=FACTORS)
    counted = []

    def count(module, _, output):
        window = module.weight[0].numel()
        counted.append(window * output[0].numel() if output.dim() == 4 else module.weight.numel())

    for module in plain.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    outputs(plain, torch.randn(1, 3, 32, 32))
    assert plain_macs(plain, size, 8) == sum(counted)


def assert_equal_when_read_back(folder, exported, network, images):
    """The files in the folder, written from the exported network, give the network's outputs."""
    files = write_files(folder, exported, images)
    assert files["model.pt2"] == (folder / "model.pt2").stat().st_size > 10_000
    program = torch.export.load(folder / "model.pt2").module()
    for batch in (1, 3, 128):
        some = images[:batch]
        off = (outputs(program, some) - outputs(network, some)).abs().max()
        assert off <= 1e-5 * max(1, outputs(network, some).abs().max())
    shapes = {name: x.shape for name, x in exported.chosen.module.state_dict().items()}
    weights = load_file(folder / "model.safetensors")
    assert {name: tensor.shape for name, tensor in weights.items()} == shapes


def test_a_dense_program_read_back_gives_equal_outputs(trained, exported, images, tmp_path):
    assert_equal_when_read_back(tmp_path, exported, trained.network, images)
    assert set(exported.candidates) == {FACTORS}
    assert [latency.batch for latency in exported.latencies] == [1, 4, 512]
    for latency in exported.latencies:
        assert 0 < latency.lower_quartile <= latency.median <= latency.upper_quartile


@pytest.mark.parametrize("form", [FACTORS, FOLDED, FASTEST])
def test_a_decomposed_network_is_exported_in_the_form_asked_for(trained, images, form, tmp_path):
    compressed = compress(trained, Target("tt_conv", rank=4))
    exported = export(
        compressed.network, compressed.size, images, batch=4, form=form, seconds=SHORT
    )
    assert_equal_when_read_back(tmp_path, exported, compressed.network, images)
    assert set(exported.candidates) == ({FACTORS, FOLDED} if form == FASTEST else {form})
    told = describe(exported, compressed.size)
    assert told["parameters"] == compressed.size.parameters
    assert told["exported_parameters"] == stored(exported.chosen.module)
    if form == FACTORS:
        assert told["exported_parameters"] <= compressed.size.parameters


def quartiles(lower: float, median: float, upper: float) -> Latency:
    return Latency(1, median, lower, upper, 9)


def test_a_difference_within_noise_never_decides():
    factors = quartiles(0.60, 0.716, 0.80)
    assert _choose([factors, quartiles(0.58, 0.605, 0.65)]) == 0
    assert _choose([factors, quartiles(0.30, 0.35, 0.40)]) == 1


@pytest.mark.parametrize("limit", ["max_parameters", "max_macs"])
def test_a_form_above_the_studys_limit_is_refused_and_never_the_fastest(trained, images, limit):
    compressed = compress(trained, Target("low_rank", rank=2))
    network, size = compressed.network, compressed.size
    most = {"max_parameters": size.parameters, "max_macs": size.macs(8)}[limit]
    ask = partial(export, network, size, images, batch=1, seconds=SHORT)
    allowed = Limits(**{limit: most}, batch=8)
    refusal = rf"but the study allows {most:,.0f}; choose the form 'factors'"
    with pytest.raises(ExportError, match=refusal):
        ask(form=FOLDED, limits=allowed)
    chosen = ask(form=FASTEST, limits=allowed).chosen
    assert chosen.form == FACTORS
    smallest = chosen.parameters if limit == "max_parameters" else most
    for form in FORMS:  # the limit was lowered after training
        with pytest.raises(
            ExportError, match=rf"no form is within that: .* --{limit.replace('_', '-')}"
        ):
            ask(form=form, limits=Limits(**{limit: smallest - 1}, batch=8))


@pytest.mark.parametrize("name", SIZES)
def test_a_study_exports_what_its_own_limits_allowed(trained, images, name):
    """Exactly as many multiply-adds as the study counted, at a batch that divides them unevenly."""
    network, size = used_network(name, batch=7)
    limits = Limits(size.parameters, size.macs(7), batch=7)
    exported = export(network, size, images, batch=1, seconds=SHORT, limits=limits)
    assert exported.chosen.parameters <= size.parameters


@pytest.mark.parametrize("layer", ["dense", "low_rank"])
def test_a_network_without_finite_outputs_is_not_exported(layer, images):
    network, size = used_network(layer)
    nn.init.constant_([*network.get_submodule(size.names[1]).parameters()][-1], torch.nan)
    with pytest.raises(ExportError, match=r"own outputs are not finite: did the trial diverge\?"):
        export(network, size, images, batch=1, seconds=SHORT)


@pytest.mark.parametrize("form", [FACTORS, FOLDED])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_whose_factors_are_all_zeros_is_exported_like_any_other(layer, form):
    network, size = used_network(layer)
    for factor in network.get_submodule(size.names[1]).parameters():
        nn.init.zeros_(factor)
    images = torch.randn(8, 3, 32, 32)
    plain = make_plain(network, size, form=form)
    torch.testing.assert_close(outputs(plain, images), outputs(network, images))


def test_the_card_is_kept_with_the_trial(study, trained, exported, images, digits, tmp_path):
    folder, trial_id = study
    files = write_files(tmp_path, exported, images)
    card = make_card(trained, digits, describe(exported, trained.size), files)
    places = store_card(folder, card)
    assert {place.relative_to(folder) for place in places} == {
        (folder / "latency" / f"{trial_id}.json").relative_to(folder),
        (folder / "checkpoints" / trial_id / "export.json").relative_to(folder),
    }
    for place in places:
        stored = json.loads(place.read_text())
        assert stored["trial_id"] == trial_id
        assert [row["batch"] for row in stored["latency"]] == [1, 4, 512]
        assert stored["config"] == SMALL.to_dict()
        assert stored["macs"] == trained.size.macs(1)
    assert load_trained(folder, trial_id).checkpoint == "e1-a0"  # the card is no checkpoint
