"""Images come from where they should, or the message says what to do."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.datasets import CIFAR10

from trainables.data.dataset import PixelStatistics, make_dataset, pixel_statistics
from trainables.data.datasets import cifar10 as official
from trainables.data.datasets.registry import count_dataset, load_dataset
from trainables.data.sources import DataRequest, DatasetError, default_data_dir


def load(name, data_dir=None, **how):
    return load_dataset(DataRequest(name, data_dir, **how))


def count(name, data_dir=None, **how):
    return count_dataset(DataRequest(name, data_dir, **how))


@pytest.fixture
def folder(tmp_path):
    """Two classes, three training images and one test image each, of different sizes."""
    for part, count in (("train", 3), ("test", 1)):
        for label, colour in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
            place = tmp_path / part / label
            place.mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (20 + index, 40), colour).save(place / f"{index}.png")
    return tmp_path


@pytest.fixture
def official_sizes(tmp_path):
    """Files of CIFAR-10's names and sizes with nothing in them."""
    place = tmp_path / official.FOLDER
    place.mkdir()
    for name, size in official.BYTES.items():
        with (place / name).open("wb") as file:
            file.truncate(size)
    return tmp_path


def test_digits_need_no_files_and_show_each_pixel_four_by_four(digits):
    assert digits.train_images.shape == (1433, 32, 32, 3)
    assert digits.test_images.shape == (364, 32, 32, 3)
    blocks = digits.train_images.reshape(-1, 8, 4, 8, 4, 3)
    assert (blocks == blocks[:, :, :1, :, :1, :1]).all()
    assert not digits.flips
    assert digits.train_images.max() == 255


def test_digits_are_scikit_learns_every_fifth_of_a_class_for_the_test(digits):
    theirs = load_digits()
    fifth = np.zeros(len(theirs.target), bool)
    for label in range(10):
        fifth[np.flatnonzero(theirs.target == label)[::5]] = True
    grey = np.rint(theirs.images * 255 / 16)
    assert (digits.train_images[:, ::4, ::4, 0] == grey[~fifth]).all()
    assert (digits.test_images[:, ::4, ::4, 0] == grey[fifth]).all()
    assert (digits.train_labels == theirs.target[~fifth]).all()
    assert (digits.test_labels == theirs.target[fifth]).all()


def test_the_digits_test_set_has_a_fifth_of_each_class(digits):
    train, test = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    assert (np.abs(test / (train + test) - 0.2) < 0.01).all()


def test_statistics_are_those_of_the_training_images(digits):
    images = digits.train_images.astype(np.float64)
    assert digits.mean == pytest.approx(images.mean((0, 1, 2)))
    assert digits.std == pytest.approx(images.std((0, 1, 2)))


def test_what_is_known_of_cifar10_is_what_is_measured(cifar10_dir):
    data = load("cifar10", cifar10_dir)
    train, test = (data.train_images, data.train_labels), (data.test_images, data.test_labels)
    expected = PixelStatistics(official.MEAN, official.STD, official.CHECKSUM)
    assert pixel_statistics(train, test) == expected


def test_the_checksum_changes_with_one_pixel_and_with_one_label(digits):
    def checksum(images, labels):
        test = digits.test_images, digits.test_labels
        return make_dataset("digits", "0123456789", (images, labels), test).checksum

    images, labels = digits.train_images.copy(), digits.train_labels.copy()
    assert checksum(images, labels) == digits.checksum
    images[7, 3, 2, 1] ^= 1
    assert checksum(images, labels) != digits.checksum
    images[7, 3, 2, 1] ^= 1
    labels[5] = (labels[5] + 1) % 10
    assert checksum(images, labels) != digits.checksum


def test_a_folder_of_images_is_resized_to_32_by_32(folder):
    data = load("folder", folder)
    assert data.classes == ("blue", "red")
    assert data.train_images.shape == (6, 32, 32, 3)
    assert data.test_labels.tolist() == [0, 1]
    assert (data.test_images[0] == (0, 0, 200)).all()
    assert count("folder", folder).classes == 2


def test_every_file_that_is_no_image_is_named(folder):
    broken = [folder / "train" / "red" / "1.png", folder / "test" / "blue" / "0.png"]
    for file in broken:
        file.write_bytes(b"no image")
    with pytest.raises(DatasetError) as error:
        load("folder", folder)
    assert all(str(file) in str(error.value) for file in broken)


def test_a_class_that_only_one_part_has_is_named(folder):
    (folder / "test" / "red").rename(folder / "test" / "green")
    with pytest.raises(DatasetError, match="green, red"):
        count("folder", folder)


@pytest.mark.parametrize("data_dir", [None, "absent"])
def test_a_folder_without_images_says_how_it_should_look(tmp_path, data_dir):
    with pytest.raises(DatasetError, match="train/<class>"):
        count("folder", data_dir and tmp_path / data_dir)


def test_cifar10_files_of_another_size_are_named_before_any_is_read(official_sizes):
    (official_sizes / official.FOLDER / "data_batch_3").write_bytes(b"cut")
    (official_sizes / official.FOLDER / "test_batch").unlink()
    with pytest.raises(DatasetError, match=r"data_batch_3 has 3 bytes.*test_batch is missing"):
        count("cifar10", official_sizes)


def test_cifar10_files_of_other_content_are_named(official_sizes):
    assert count("cifar10", official_sizes).classes == 10  # a quick look sees sizes only
    with pytest.raises(DatasetError, match=r"data_batch_1 has MD5 .*--data-dir"):
        load("cifar10", official_sizes)


def test_an_absent_cifar10_that_cannot_be_downloaded_names_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(DatasetError, match=r"--data-dir.*--dataset digits"):
        load("cifar10", download=tmp_path / "here")


def test_the_inner_folder_of_cifar10_is_accepted(cifar10_dir):
    inner = cifar10_dir / official.FOLDER
    assert load("cifar10", inner).checksum == official.CHECKSUM


@pytest.mark.parametrize("name", ["cifar10", "folder"])
@pytest.mark.parametrize("ask", [load, count])
def test_a_mistyped_data_folder_is_named_with_the_nearest_and_not_created(tmp_path, name, ask):
    (tmp_path / "photographs").mkdir()
    with pytest.raises(DatasetError, match=r"does not exist.*did you mean .*photographs\?"):
        ask(name, tmp_path / "fotographs")
    assert [path.name for path in tmp_path.iterdir()] == ["photographs"]


def test_nothing_is_downloaded_into_a_folder_that_was_named_as_a_copy(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no cifar-10-batches-py.*--download"):
        load("cifar10", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_data_folder_can_be_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RANKTUNE_DATA", str(tmp_path))
    assert default_data_dir() == tmp_path


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    for ask in (load, count):
        with pytest.raises(DatasetError, match=r"cifar10, digits, folder.*did you mean 'digits'"):
            ask("digit")
