"""What lies in a folder is data, or is passed over and said; what is damaged is named at once."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.zoo.folders import break_three
from trainables.data.datasets.registry import (
    content_digest,
    count_dataset,
    data_notes,
    load_dataset,
)
from trainables.data.sources import DataCounts, DataRequest, DatasetError
from trainables.files.sealed import read_sealed, write_sealed
from trainables.files.user_cache import user_cache

ROOT = Path(__file__).resolve().parents[2]


def asked(folder: Path, **how: object) -> DataRequest:
    return DataRequest("folder", folder, **how)  # type: ignore[arg-type]


def notes(folder: Path, **how: object) -> str:
    return "\n".join(data_notes(asked(folder, **how)))


def test_hidden_folders_and_files_are_no_data_and_are_counted(images: Path) -> None:
    before = count_dataset(asked(images))
    shutil.copytree(images / "train" / "cat", images / "train" / "cat" / ".ipynb_checkpoints")
    shutil.copytree(images / "train" / "cat", images / "train" / ".thumbnails")
    shutil.copytree(images / "train" / "cat", images / "train" / "__MACOSX")
    shutil.copy(images / "train" / "cat" / "00.png", images / "train" / "cat" / "._00.png")
    assert count_dataset(asked(images)) == before
    assert load_dataset(asked(images)).counts == before
    assert "1 hidden files, 3 hidden folders" in notes(images)


def test_linked_folders_and_files_are_followed_but_not_in_a_circle(
    images: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(images / "train" / "dog", elsewhere)
    (images / "train" / "dog").symlink_to(elsewhere)  # a class
    (images / "train" / "cat" / "more").symlink_to(elsewhere)  # below a class
    (elsewhere / "back").symlink_to(elsewhere)
    (images / "train" / "cat" / "up").symlink_to(images / "train")  # all classes, as one of them
    (images / "train" / "cat" / "one.png").symlink_to(elsewhere / "00.png")
    assert count_dataset(asked(images)).train_images == 10 + 10 + 10 + 1
    assert "links in a circle" in notes(images)
    assert "more than one class" in notes(images)  # those of `more`, as asked for


def test_names_that_are_no_images_are_counted_by_their_ending(images: Path) -> None:
    for name in ("notes.txt", "labels.csv", "more.csv", "README"):
        (images / "train" / "cat" / name).write_text("not an image")
    (images / "train" / "list.txt").touch()
    (images / "licence.txt").touch()
    told = notes(images)
    for words in (
        "2 files that are no images by their names (.csv)",
        "1 files that are no images by their names (.txt)",
        "1 files that are no images by their names (no ending)",
        "1 files outside the class folders",
        "1 entries beside test and train (licence.txt)",
    ):
        assert words in told


@pytest.mark.parametrize("name", ["a.jfif", "b.JPG", "c.PNG", "d.TiF", "e.webp"])
def test_an_ending_of_any_case_counts(images: Path, name: str) -> None:
    kind = {"jfif": "JPEG", "jpg": "JPEG"}.get(name[2:].lower())
    Image.new("RGB", (5, 5), "red").save(images / "train" / "cat" / name, kind)
    assert count_dataset(asked(images)).train_images == 21


@pytest.mark.parametrize("ask", [count_dataset, load_dataset, content_digest, data_notes])
def test_every_bad_file_is_named_at_once_whoever_asks(images: Path, ask) -> None:
    broken = break_three(images)
    with pytest.raises(DatasetError, match=r"3 files cannot be read.*--skip-unreadable") as error:
        ask(asked(images))
    assert all(str(path) in str(error.value) for path in broken)


def test_bad_files_are_skipped_on_request_and_that_is_said(images: Path) -> None:
    whole = content_digest(asked(images))
    break_three(images)
    request = asked(images, skip_unreadable=True)
    data = load_dataset(request)
    assert data.counts == count_dataset(request) == DataCounts(2, 19, 5, 2)
    assert "skipped: 3 files" in notes(images, skip_unreadable=True)
    assert any("skipped: 3 files" in note for note in data.notes)
    assert content_digest(request) not in (None, whole)


def test_a_class_of_which_nothing_can_be_read_is_refused_even_then(images: Path) -> None:
    for path in (images / "test" / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="of these classes no image can be read: test/dog"):
        count_dataset(asked(images, skip_unreadable=True))


def test_what_was_looked_into_is_remembered_until_size_or_time_change(images: Path) -> None:
    path = images / "train" / "cat" / "00.png"
    before = content_digest(asked(images))
    (memory,) = (user_cache() / "checked_images").glob("*.json")
    document = read_sealed(memory)
    document["files"]["train/cat/00.png"][1] = "another picture"
    write_sealed(memory, {key: document[key] for key in ("format", "files")})
    assert content_digest(asked(images)) != before  # it was not opened again
    path.touch()
    assert content_digest(asked(images)) == before


def test_a_change_that_keeps_size_and_time_is_seen(images: Path) -> None:
    """As ``cp -p`` and ``mv`` of pictures of one size do it."""
    first, second = (images / "train" / label / "00.bmp" for label in ("cat", "dog"))
    for path in (first, second):
        Image.open(path.with_suffix(".png")).resize((8, 8)).save(path)
        os.utime(path, ns=(10**18, 10**18))
    before = content_digest(asked(images))
    first.rename(images / "between")
    second.rename(first)
    (images / "between").rename(second)
    assert (first.stat().st_size, first.stat().st_mtime_ns) == (second.stat().st_size, 10**18)
    assert content_digest(asked(images)) != before


def test_the_digest_is_of_pixels_and_labels_not_of_files(images: Path, tmp_path: Path) -> None:
    before = content_digest(asked(images))
    shutil.copytree(images, tmp_path / "copy")
    for path in (tmp_path / "copy" / "train" / "cat").iterdir():
        Image.open(path).save(path.with_suffix(".bmp"))  # the same pixels in another format
        path.unlink()
    assert content_digest(asked(tmp_path / "copy")) == before
    cat, dog = images / "train" / "cat", images / "train" / "dog"
    cat.rename(images / "x")
    dog.rename(cat)
    (images / "x").rename(dog)
    assert content_digest(asked(images)) != before  # the same counts and names, labels swapped


def test_a_moved_folder_keeps_its_digest_and_a_changed_pixel_makes_another(
    images: Path, tmp_path: Path
) -> None:
    before = content_digest(asked(images))
    moved = images.rename(tmp_path / "moved")
    assert content_digest(asked(moved)) == before
    path = moved / "test" / "dog" / "01.png"
    pixels = np.array(Image.open(path))
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(path)
    assert content_digest(asked(moved)) != before


def test_pictures_on_both_sides_of_a_split_are_worth_a_word(images: Path) -> None:
    assert "more than one" not in notes(images)
    shutil.copy(images / "train" / "cat" / "00.png", images / "test" / "cat" / "again.png")
    shutil.copy(images / "train" / "cat" / "01.png", images / "train" / "dog" / "again.png")
    told = notes(images)
    assert "1 picture is in more than one of train, val, test" in told
    assert "1 picture is in more than one class" in told
    assert "2 images repeat another" in told


def test_how_many_images_are_held_out_is_said(images: Path) -> None:
    assert "20 images to train on, of which 2 are held out" in notes(images)


def test_a_validation_folder_is_held_out(images: Path) -> None:
    shutil.copytree(images / "test", images / "val")
    counts = count_dataset(asked(images))
    assert counts == DataCounts(2, 26, 6, held_out=6, own_validation=6)
    data = load_dataset(asked(images))
    assert data.counts == counts
    assert (data.train_pixels[-6:] == data.test_pixels).all()


def test_a_validation_folder_is_the_test_set_where_there_is_no_other(images: Path) -> None:
    (images / "test").rename(images / "val")
    assert count_dataset(asked(images)) == DataCounts(2, 20, 6, held_out=2)
    assert "there is no test/, so val/ is the test set" in notes(images)


def test_one_folder_of_classes_is_split_as_said(images: Path) -> None:
    request = asked(images / "train")
    assert count_dataset(request) == DataCounts(2, 16, 4, held_out=2)
    assert "every fifth image of each class, by name, is for the test" in notes(images / "train")
    data = load_dataset(request)
    with Image.open(images / "train" / "dog" / "05.png") as image:
        box = (2, 0, 14, 12)
        expected = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR, box=box))
    assert (data.test_images[3] == expected).all()


def test_names_that_are_no_utf8_do_not_matter_and_can_be_printed(images: Path) -> None:
    strange = os.fsdecode(b"caf\xe9")
    for part in ("train", "test"):
        (images / part / "dog").rename(images / part / strange)
    bad = images / "train" / strange / os.fsdecode(b"\xff.png")
    bad.write_bytes(b"")
    with pytest.raises(DatasetError) as error:
        count_dataset(asked(images))
    assert r"caf\xe9/\xff.png (the file is empty)" in str(error.value)
    str(error.value).encode("utf-8")
    assert count_dataset(asked(images, skip_unreadable=True)).train_images == 20


@pytest.mark.parametrize(
    ("resize", "left", "right"), [("crop", 64, 191), ("stretch", 4, 251), ("pad", 0, 0)]
)
def test_an_image_that_is_no_square_becomes_one_as_the_rule_says(
    images: Path, resize: str, left: int, right: int
) -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (128, 256, 3))
    for path in images.rglob("*.png"):
        Image.fromarray(np.ascontiguousarray(ramp)).save(path)
    data = load_dataset(asked(images, image_size=16, resize=resize))
    assert data.image_size == 16
    image = data.train_images[0]
    middle = image[8].astype(int)
    assert abs(middle[0, 0] - (left or 7)) < 8
    assert abs(middle[-1, 0] - (right or 247)) < 8
    assert (image[0] == 0).all() == (resize == "pad")  # bars above and below
    assert f"16×16 pixels by the rule {resize!r}" in notes(images, image_size=16, resize=resize)


def test_parts_one_folder_further_down_are_pointed_to(images: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    images.rename(tmp_path / "unpacked" / "photos")
    with pytest.raises(DatasetError, match=r"its parts lie in \S*/unpacked/photos: name that"):
        count_dataset(asked(tmp_path / "unpacked"))


def test_what_is_no_file_is_named_and_not_waited_for(images: Path) -> None:
    os.mkfifo(images / "train" / "cat" / "pipe.png")
    (images / "train" / "cat" / "endless.png").symlink_to("/dev/zero")
    with pytest.raises(DatasetError, match=r"pipe\.png \(a pipe, a socket or a device\)") as error:
        count_dataset(asked(images))
    assert "endless.png (a pipe" in str(error.value)


@pytest.mark.parametrize("part", ["Train", "TEST", "training", "Validation"])
def test_a_part_by_another_name_is_no_class(images: Path, part: str) -> None:
    (images / "test").rename(images / part)
    with pytest.raises(DatasetError, match=f"has {part}: name it train, val or test"):
        count_dataset(asked(images))


def test_parts_below_the_classes_are_not_mixed(images: Path, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for part in ("train", "test"):
            shutil.copytree(images / part / label, tmp_path / "turned" / label / part)
    with pytest.raises(DatasetError, match="put the classes into the parts"):
        count_dataset(asked(tmp_path / "turned"))
    shutil.rmtree(tmp_path / "turned" / "dog" / "test")  # vehicles, say, with trains among them
    assert count_dataset(asked(tmp_path / "turned")).classes == 2


def test_a_name_that_would_move_the_cursor_is_escaped(images: Path) -> None:
    (images / "train" / "cat" / "two\nlines\x1b[2J.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"two\\nlines\\x1b\[2J\.png"):
        count_dataset(asked(images))


def test_images_that_change_between_a_plan_and_its_run_are_refused(images: Path) -> None:
    planned = content_digest(asked(images))
    assert load_dataset(asked(images), planned).counts == count_dataset(asked(images))
    shutil.copy(images / "train" / "cat" / "00.png", images / "train" / "dog" / "new.png")
    with pytest.raises(DatasetError, match="were changed after they had been looked at"):
        load_dataset(asked(images), planned)


def test_files_that_cannot_be_read_are_named_in_one_order_whatever_is_remembered(
    images: Path,
) -> None:
    cats = images / "train" / "cat"
    (cats / "a.png").symlink_to("nowhere.png")  # has no state to remember it by
    (cats / "b.png").write_bytes(b"")
    told = []
    for _ in range(2):
        with pytest.raises(DatasetError) as wrong:
            count_dataset(asked(images))
        told.append(str(wrong.value))
    assert told[0] == told[1]
