"""Images of every kind are read to known pixels, or refused with a reason."""

import contextlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.zoo.pictures import COLOURS, GREYS, chunk, png, tiff_grey, tiff_rgb16, write
from trainables.data.reading.image_file import BACKGROUND, UnreadableImage, read_image

GREY_RGB = np.repeat(GREYS[..., None], 3, axis=2)
LOSSLESS = [".png", ".bmp", ".ppm", ".tif", ".TIFF", ".tga", ".jp2", ".webp", ".avif", ".apng"]
EXACT = {
    ".webp": {"lossless": True},
    ".jp2": {"irreversible": False},
    ".avif": {"quality": 100, "subsampling": "4:4:4"},
}
IEEE_FLOAT = 3
"""Of a TIFF's tag SampleFormat."""
SIXTEEN = np.array([0, 1, 128, 129, 257, 4_863, 32_767, 32_896, 65_534, 65_535], np.uint32)


def over(background: tuple[int, ...], pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return np.rint(pixels * share + np.array(background) * (1 - share))


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_lossless_file_gives_back_its_pixels(tmp_path: Path, suffix: str) -> None:
    large = COLOURS.repeat(16, axis=0).repeat(16, axis=1)
    path = write(tmp_path / f"image{suffix}", large, **EXACT.get(suffix, {}))
    tolerance = 3 if suffix == ".avif" else 0  # AV1 stores YCbCr
    assert np.abs(read_image(path).astype(int) - large).max() <= tolerance


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".jfif", ".jpe"])
def test_a_jpeg_by_any_of_its_names_is_read(tmp_path: Path, suffix: str) -> None:
    large = COLOURS.repeat(16, axis=0).repeat(16, axis=1)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(large).save(path, "JPEG", quality=95, subsampling=0)
    assert np.abs(read_image(path).astype(int) - large).max() < 12


def test_grey_is_repeated_in_three_channels(tmp_path: Path) -> None:
    assert (read_image(write(tmp_path / "grey.png", GREYS)) == GREY_RGB).all()


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(png(np.array([[0b10100000]], np.uint8), bits=1, kind=0))
    assert read_image(path)[0, :4, 0].tolist() == [255, 0, 255, 0]


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


def test_sixteen_bit_alpha_is_laid_over_the_background(tmp_path: Path) -> None:
    values = np.array([[[0, 0], [0, 65_535]]])
    path = tmp_path / "deep.png"
    path.write_bytes(png(values.astype(">u2"), bits=16, kind=4))
    assert read_image(path)[0].tolist() == [list(BACKGROUND), [0, 0, 0]]


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


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp"])
def test_a_palette_is_looked_up(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"palette{suffix}"
    Image.fromarray(COLOURS).quantize(6).save(path)
    assert (read_image(path) == COLOURS).all()


def test_a_transparent_palette_entry_shows_the_background(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (2, 1))
    image.putpalette([9, 9, 9, 70, 80, 90])
    image.putdata([0, 1])
    image.save(path, transparency=0)
    assert read_image(path)[0].tolist() == [list(BACKGROUND), [70, 80, 90]]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_laid_over_the_background(tmp_path: Path, suffix: str) -> None:
    alpha = np.array([[0, 64, 128], [200, 254, 255]], np.uint8)
    path = write(tmp_path / f"alpha{suffix}", np.dstack([COLOURS, alpha]), **EXACT.get(suffix, {}))
    assert np.abs(read_image(path) - over(BACKGROUND, COLOURS, alpha)).max() <= 1


def test_grey_with_alpha_is_laid_over_the_background(tmp_path: Path) -> None:
    alpha = np.array([[0, 64, 128], [200, 254, 255]], np.uint8)
    path = write(tmp_path / "alpha.png", np.dstack([GREYS, alpha]), "LA")
    assert np.abs(read_image(path) - over(BACKGROUND, GREY_RGB, alpha)).max() <= 1


@pytest.mark.parametrize(
    ("bits", "kind", "rows", "hidden", "levels"),
    [
        (1, 0, np.array([[0b01011111]], np.uint8), (1,), [0, 255, 0, 255]),
        (2, 0, np.array([[0b00011011]], np.uint8), (1,), [0, 255, 170, 255]),
        (4, 0, np.array([[0x51, 0xF0]], np.uint8), (5,), [255, 17, 255, 0]),
        (16, 0, np.array([[0, 2570, 2571]], ">u2")[..., None], (2570,), [0, 255, 10]),
        (16, 2, np.array([[[2570] * 3, [2570, 2570, 2571]]], ">u2"), (2570,) * 3, [255, 10]),
    ],
    ids=["1 bit", "2 bits", "4 bits", "16 bits", "16-bit colours"],
)
def test_a_transparent_colour_of_any_depth_shows_the_background(
    tmp_path: Path, bits: int, kind: int, rows: np.ndarray, hidden: tuple[int, ...], levels
) -> None:
    transparent = chunk(b"tRNS", struct.pack(f">{len(hidden)}H", *hidden))
    path = tmp_path / "image.png"
    path.write_bytes(png(rows, bits=bits, kind=kind, extra=transparent))
    assert read_image(path)[0, : len(levels), 0].tolist() == levels


def test_a_transparent_colour_shows_the_background(tmp_path: Path) -> None:
    path = tmp_path / "key.png"
    Image.fromarray(COLOURS).save(path, transparency=(200, 10, 30))
    expected = COLOURS.copy()
    expected[0, 0] = BACKGROUND
    assert (read_image(path) == expected).all()


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_the_colours_it_prints(tmp_path: Path, suffix: str) -> None:
    large = COLOURS.repeat(16, axis=0).repeat(16, axis=1)
    path = tmp_path / f"cmyk{suffix}"
    Image.fromarray(large).convert("CMYK").save(path, quality=95)
    assert np.abs(read_image(path).astype(int) - large).max() < 20


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    upright = COLOURS.repeat(16, axis=0).repeat(16, axis=1)
    # what a camera stores: row 0 and column 0 of the picture lie where the tag says (CIPA DC-008)
    turns = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]}
    turned = upright.transpose(1, 0, 2)
    turns |= {5: turned, 6: turned[::-1], 7: turned[::-1, ::-1], 8: turned[:, ::-1]}
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"quality": 95, "subsampling": 0} if suffix == ".jpg" else EXACT.get(suffix, {})
    path = write(tmp_path / f"turned{suffix}", np.ascontiguousarray(turns[orientation]),
                 exif=exif, **how)  # fmt: skip
    assert read_image(path).shape == upright.shape
    assert np.abs(read_image(path).astype(int) - upright).max() < 12


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_of_several_pictures_the_first_counts(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    path = tmp_path / f"moves{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **EXACT.get(suffix, {}))
    assert (read_image(path) == (250, 0, 0)).all()


def test_a_colour_profile_leaves_the_numbers_as_they_are(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    path = write(tmp_path / "profile.png", COLOURS, icc_profile=profile)
    assert (read_image(path) == COLOURS).all()


def test_a_wrong_ending_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(COLOURS).save(path, "PNG")
    assert (read_image(path) == COLOURS).all()


def test_a_name_that_is_no_utf8_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        write(path, COLOURS)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert (read_image(path) == COLOURS).all()


def damaged_png() -> bytes:
    """One bit of the pixels' chunk differs from what its checksum says."""
    whole = bytearray(png(COLOURS, bits=8, kind=2))
    whole[whole.index(b"IDAT") + 8] ^= 1
    return bytes(whole)


def noise_jpeg(folder: Path) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return write(folder / "whole.jpg", noise).read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda _: b"", "the file is empty"),
        (lambda _: b"<!doctype html><p>404", "no image format begins with b'<!doctyp'"),
        (lambda _: damaged_png(), "broken PNG file|CRC"),
        (lambda _: png(COLOURS, bits=8, kind=2)[:-20], "."),
        (lambda _: png(COLOURS, bits=8, kind=2, extra=b"\xff\xff\xff\xff????"), "."),
        (lambda folder: noise_jpeg(folder)[:2_000], "truncated"),
        (lambda folder: noise_jpeg(folder)[:4], "begins as JPEG, but is damaged"),
        (
            lambda _: tiff_grey(bytes(8), 1, bits=64, sample_format=IEEE_FLOAT),
            "begins as TIFF, but is damaged or of a kind that is not read",
        ),
    ],
    ids=["empty", "text", "flipped-bit", "cut-png", "odd-chunk", "cut-jpeg", "head", "doubles"],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_reason(
    tmp_path: Path, content, reason: str
) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content(tmp_path))
    with pytest.raises(UnreadableImage, match=reason):
        read_image(path)


def test_a_huge_picture_is_refused_by_its_size(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 14_000, 14_000, 8, 0, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x"))
    with pytest.raises(UnreadableImage, match=r"178,956,970 in all are read"):
        read_image(path)


def test_thousands_of_damaged_files_end_in_a_reason_never_in_a_traceback(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    wholes = []
    for suffix in (".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm", ".tga", ".jp2"):
        wholes.append(write(tmp_path / f"whole{suffix}", COLOURS.repeat(4, 0).repeat(4, 1)))
    for path in wholes:
        whole = path.read_bytes()
        for _ in range(100):
            broken = bytearray(whole[: random.integers(1, len(whole) + 1)])
            for place in random.integers(0, len(broken), 3):
                broken[place] = random.integers(256)
            path.write_bytes(broken)
            with contextlib.suppress(UnreadableImage):
                pixels = read_image(path)
                assert pixels.dtype == np.uint8
                assert pixels.shape[2:] == (3,)
