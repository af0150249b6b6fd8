"""ONNX files give the exported network's outputs, in float32 and, near enough, in 8 bits."""

import numpy as np
import onnx
import pytest
import torch

from tests.trainables.exporting.test_export import stored, used_network
from trainables.exporting.onnx_file import (
    INT8,
    ONNX,
    OnnxError,
    OnnxProgram,
    write_int8,
    write_onnx,
)
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain
from trainables.layers.registry import LAYERS

IMAGES = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def stored_numbers(path) -> int:
    """How many numbers a file's weights have, running statistics of a BatchNorm included."""
    return sum(int(np.prod(weight.dims)) for weight in onnx.load(path).graph.initializer)


@pytest.mark.parametrize("layer", LAYERS)
def test_onnxruntime_gives_the_networks_logits_at_any_batch(layer, tmp_path):
    network, size = used_network(layer)
    plain = make_plain(network, size, form=FACTORS)
    assert write_onnx(tmp_path / ONNX, plain, IMAGES, tolerance=1e-5) <= 1e-5
    run = OnnxProgram(tmp_path / ONNX)
    for batch in (1, 3, 16):
        with torch.inference_mode():
            wanted = network(IMAGES[:batch])
        torch.testing.assert_close(
            torch.from_numpy(run(IMAGES[:batch])), wanted, atol=1e-5, rtol=1e-5
        )


def test_a_file_of_factors_is_as_small_as_they_are(tmp_path):
    network, size = used_network("tensor_train", {"rank": 2, "dims": 4}, width=16)
    bytes_of = {}
    for form in (FACTORS, FOLDED):
        plain = make_plain(network, size, form=form)
        write_onnx(tmp_path / ONNX, plain, IMAGES, tolerance=1e-5)
        statistics = sum(b.numel() for b in plain.buffers() if b.is_floating_point())
        assert stored_numbers(tmp_path / ONNX) >= stored(plain)
        assert stored_numbers(tmp_path / ONNX) <= stored(plain) + statistics + 64
        bytes_of[form] = (tmp_path / ONNX).stat().st_size
    assert bytes_of[FACTORS] < bytes_of[FOLDED] / 2


def test_eight_bits_take_a_third_of_the_bytes_and_tell_images_much_alike(tmp_path):
    network, size = used_network("dense", width=8)
    plain = make_plain(network, size, form=FOLDED)
    write_onnx(tmp_path / ONNX, plain, IMAGES, tolerance=1e-5)
    write_int8(tmp_path / INT8, tmp_path / ONNX, IMAGES)
    sizes = [(tmp_path / name).stat().st_size for name in (INT8, ONNX)]
    assert sizes[0] < sizes[1] / 3
    exact, rounded = (torch.from_numpy(OnnxProgram(tmp_path / n)(IMAGES)) for n in (ONNX, INT8))
    assert (rounded - exact).norm() < 0.1 * exact.norm()
    assert not torch.equal(rounded, exact)
    labels = exact.argmax(1)
    assert OnnxProgram(tmp_path / ONNX).count_correct([(IMAGES, labels)]) == (16, 16)
    assert OnnxProgram(tmp_path / INT8).count_correct([(IMAGES, labels)])[0] >= 14


def test_a_file_that_is_off_is_not_written(tmp_path):
    network, size = used_network("dense")
    plain = make_plain(network, size, form=FOLDED)
    with pytest.raises(OnnxError, match=r"off by .*, at most 1e-12 allowed"):
        write_onnx(tmp_path / ONNX, plain, 100 * IMAGES, tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []


class Attention(torch.nn.Module):
    """Of three dimensions, which torch's converter to ONNX does not know."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2)
        return torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).mean(1)


def test_what_has_no_onnx_form_is_told_and_not_written(tmp_path):
    words = r"as ONNX: .*only 4D query.*torch.export program does not need that: leave --onnx out"
    with pytest.raises(OnnxError, match=words):
        write_onnx(tmp_path / ONNX, Attention().eval(), IMAGES, tolerance=1e-5)
    assert [*tmp_path.iterdir()] == []
