"""Images of every kind are read to known pixels, or refused with a reason."""

import contextlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.zoo.pictures import COLOURS, GREYS, IEEE_FLOAT, chunk, png, tiff_grey, write
from trainables.data.reading.image_file import BACKGROUND, UnreadableImage, read_image

GREY_RGB = np.repeat(GREYS[..., None], 3, axis=2)
LOSSLESS = [".png", ".bmp", ".ppm", ".tif", ".TIFF", ".tga", ".jp2", ".webp", ".avif", ".apng"]
EXACT = {
    ".webp": {"lossless": True},
    ".jp2": {"irreversible": False},
    ".avif": {"quality": 100, "subsampling": "4:4:4"},
}


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


def test_sixteen_bit_alpha_is_laid_over_the_background(tmp_path: Path) -> None:
    values = np.array([[[0, 0], [0, 65_535]]])
    path = tmp_path / "deep.png"
    path.write_bytes(png(values.astype(">u2"), bits=16, kind=4))
    assert read_image(path)[0].tolist() == [list(BACKGROUND), [0, 0, 0]]


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


@pytest.mark.parametrize(
    ("attribute_bits", "shown"), [(0, COLOURS), (8, np.full_like(COLOURS, 255))]
)
def test_the_fourth_byte_of_a_tga_is_alpha_only_if_its_header_says_so(
    tmp_path: Path, attribute_bits: int, shown: np.ndarray
) -> None:
    path = write(tmp_path / "image.tga", np.dstack([COLOURS, np.zeros_like(GREYS)]))
    content = bytearray(path.read_bytes())
    content[17] = content[17] & ~15 | attribute_bits
    path.write_bytes(content)
    assert (read_image(path) == shown).all()


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX"])
def test_formats_of_other_names_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(COLOURS.repeat(16, axis=0).repeat(16, axis=1)).save(path, kind)
    with pytest.raises(UnreadableImage, match=f"begins as {kind}"):
        read_image(path)


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
        (lambda _: png(GREYS, bits=8, kind=3), "without its palette"),
        (lambda _: png(COLOURS, bits=8, kind=2, extra=b"\xff\xff\xff\xff????"), "."),
        (lambda folder: noise_jpeg(folder)[:2_000], "truncated"),
        (lambda folder: noise_jpeg(folder)[:4], "begins as JPEG, but is damaged"),
        (
            lambda _: tiff_grey(bytes(8), 1, bits=64, sample_format=IEEE_FLOAT),
            "begins as TIFF, but is damaged or of a kind that is not read",
        ),
    ],
    ids=[
        "empty",
        "text",
        "flipped-bit",
        "cut-png",
        "no-palette",
        "odd-chunk",
        "cut-jpeg",
        "head",
        "doubles",
    ],
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
