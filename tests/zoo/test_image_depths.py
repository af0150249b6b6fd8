"""Numbers of every depth become eight bits by a rule, or are refused."""

import struct
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from tests.zoo.pictures import IEEE_FLOAT, png, tiff_grey, tiff_rgb16, write
from trainables.data.reading.image_file import UnreadableImage, read_image

SIXTEEN = np.array([0, 1, 128, 129, 257, 4_863, 32_767, 32_896, 65_534, 65_535], np.uint32)


@pytest.mark.parametrize("green", [5, 6])
def test_sixteen_bits_a_pixel_are_spread_over_the_range(tmp_path: Path, green: int) -> None:
    """A BMP by hand (BITMAPINFOHEADER with masks), of 5 bits of red and blue."""
    values = np.array([[0, 0, 0], [31, 2**green - 1, 31], [1, 2, 3], [30, 17, 20]])
    words = values @ [2 ** (green + 5), 32, 1]
    masks = [31 << (green + 5), (2**green - 1) << 5, 31]
    head = struct.pack("<IiiHHIIiiII3I", 40, 4, 1, 1, 16, 3, 8, 0, 0, 0, 0, *masks)
    path = tmp_path / "image.bmp"
    file_head = b"BM" + struct.pack("<IHHI", 74, 0, 0, 66)
    path.write_bytes(file_head + head + words.astype("<u2").tobytes())
    expected = values * 255 / [31, 2**green - 1, 31]
    assert np.abs(read_image(path)[0] - expected).max() < 1


@pytest.mark.parametrize(("bits", "levels"), [(2, [0, 85, 170, 255]), (4, [0, 17, 238, 255])])
def test_few_bits_of_grey_are_spread_over_the_range(tmp_path: Path, bits: int, levels) -> None:
    rows = {2: [[0b00011011]], 4: [[0x01, 0xEF]]}
    path = tmp_path / "grey.png"
    path.write_bytes(png(np.array(rows[bits], np.uint8), bits=bits, kind=0))
    assert read_image(path)[0, :, 1].tolist() == levels


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_a_png_are_divided_by_257(tmp_path: Path, kind: int, channels: int) -> None:
    values = np.broadcast_to(SIXTEEN[None, :, None], (2, len(SIXTEEN), channels)).copy()
    if kind in (4, 6):
        values[..., -1] = 65_535
    path = tmp_path / "deep.png"
    path.write_bytes(png(values.astype(">u2"), bits=16, kind=kind))
    assert (read_image(path)[0] == np.rint(SIXTEEN / 257)[:, None]).all()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("suffix", [".tif", ".pgm"])
def test_sixteen_bits_of_grey_are_divided_by_257(tmp_path: Path, suffix, compression) -> None:
    how = {"compression": compression} if suffix == ".tif" else {}
    path = write(tmp_path / f"deep{suffix}", SIXTEEN[None].astype(np.uint16), **how)
    assert (read_image(path)[0] == np.rint(SIXTEEN / 257)[:, None]).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_a_colour_tiff_are_divided_by_257(tmp_path: Path, order: str) -> None:
    values = np.repeat(SIXTEEN[None, :, None], 3, axis=2)
    path = tmp_path / "deep.tif"
    path.write_bytes(tiff_rgb16(values, order))
    assert (read_image(path)[0] == np.rint(SIXTEEN / 257)[:, None]).all()


def test_twelve_bits_of_grey_are_spread_over_the_range(tmp_path: Path) -> None:
    packed = bytes([0xFF, 0xF0, 0x00, 0x80, 0x04, 0x00])  # 4095, 0, 2048, 1024
    path = tmp_path / "twelve.tif"
    path.write_bytes(tiff_grey(packed, 4, bits=12))
    assert read_image(path)[0, :, 0].tolist() == [255, 0, 128, 64]


@pytest.mark.parametrize(
    ("bits", "kind", "sample_format"), [(8, "u1", 1), (16, "<u2", 1), (32, "<f4", 3)]
)
def test_a_tiff_whose_zero_is_white_is_turned_round(
    tmp_path: Path, bits: int, kind: str, sample_format: int
) -> None:
    top = 1 if sample_format == 3 else 2**bits - 1
    data = np.array([0, top], kind).tobytes()
    path = tmp_path / "white.tif"
    path.write_bytes(tiff_grey(data, 2, bits=bits, sample_format=sample_format, photometric=0))
    assert read_image(path)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize("bits", [8, 16])
def test_signed_whole_numbers_are_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "signed.tif"
    data = np.array([-1, 1], f"<i{bits // 8}").tobytes()
    path.write_bytes(tiff_grey(data, 2, bits=bits, sample_format=2))
    with pytest.raises(UnreadableImage, match="signed whole numbers"):
        read_image(path)


def test_float_in_the_unit_interval_is_multiplied_by_255(tmp_path: Path) -> None:
    values = np.array([[0, 0.25, 0.5, 1]], np.float32)
    path = write(tmp_path / "float.tif", values)
    assert read_image(path)[0, :, 0].tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("packed", [False, True])
def test_floats_of_either_byte_order_are_read(tmp_path: Path, order: str, packed: bool) -> None:
    path = tmp_path / "float.tif"
    data = np.array([0.0, 0.2, 0.5, 1.0], f"{order}f4").tobytes()
    path.write_bytes(
        tiff_grey(data, 4, bits=32, sample_format=IEEE_FLOAT, order=order, packed=packed)
    )
    assert read_image(path)[0, :, 0].tolist() == [0, 51, 128, 255]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({284: 2}, "separate planes"), ({277: 4, 338: 1}, "multiplied by their alpha")],
    ids=["planes", "alpha"],
)
def test_deep_tiffs_that_pillow_misreads_are_refused(
    tmp_path: Path, tags: dict[int, int], reason: str
) -> None:
    channels = tags.get(277, 3)
    path = tmp_path / "deep.tif"
    pixels = np.arange(2 * channels).reshape(1, 2, channels) * 999
    path.write_bytes(tiff_rgb16(pixels, "<", tags))
    with pytest.raises(UnreadableImage, match=reason):
        read_image(path)


@pytest.mark.parametrize("worst", [-0.01, 1.5, 200.0, np.nan, np.inf])
def test_float_outside_the_unit_interval_is_refused(tmp_path: Path, worst: float) -> None:
    path = write(tmp_path / "float.tif", np.array([[0.5, worst]], np.float32))
    with pytest.raises(UnreadableImage, match=r"must be finite and lie in \[0, 1\]"):
        read_image(path)


def test_whole_numbers_of_unknown_range_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.tif", np.array([[0, 100_000]], np.int32))
    with pytest.raises(UnreadableImage, match="save it with 8 or 16 bits"):
        read_image(path)


JPEG_2000 = {
    "16": "AC8AAAAAAAIAAAABAAAAAAAAAAAAAAACAAAAAQAAAAAAAAAAAAMPAQEPAQEPAQH/UgAMAAAAAQEABAQAAf9cAARA"
    "gP+QAAoAAAAAACYAAf+Tz/wwEAQDBgXf+JAgC4EOP8/8MBAMAMpf/9k=",
    "4": "ACkAAAAAAAIAAAABAAAAAAAAAAAAAAACAAAAAQAAAAAAAAAAAAEDAQH/UgAMAAAAAQAABAQAAf9cAARAIP+QAAoA"
    "AAAAABMAAf+T3yAgC7L/2Q==",
    "12": "ACkAAAAAAAIAAAABAAAAAAAAAAAAAAACAAAAAQAAAAAAAAAAAAELAQH/UgAMAAAAAQAABAQAAf9cAARAYP+QAAoA"
    "AAAAABYAAf+T3+AUC7KKST//2Q==",
}
"""Codestreams behind their first two markers, two pixels each, by OpenJPEG: colours, grey, grey."""


@pytest.mark.parametrize("bits", JPEG_2000)
def test_jpeg_2000_whose_white_pillow_does_not_read_as_white_is_refused(
    tmp_path: Path, bits: str
) -> None:
    path = tmp_path / "white.jp2"
    path.write_bytes(b"\xff\x4f\xff\x51" + b64decode(JPEG_2000[bits]))
    with pytest.raises(UnreadableImage, match=f"JPEG 2000 with {bits} bits a channel"):
        read_image(path)


def test_sixteen_bits_of_grey_in_jpeg_2000_are_divided_by_257(tmp_path: Path) -> None:
    path = write(tmp_path / "deep.jp2", SIXTEEN[None].astype(np.uint16), irreversible=False)
    assert (read_image(path)[0] == np.rint(SIXTEEN / 257)[:, None]).all()
