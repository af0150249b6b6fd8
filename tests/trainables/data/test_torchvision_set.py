"""torchvision's data sets are read from files in their own formats."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from trainables.data.datasets.registry import (
    content_digest,
    count_dataset,
    data_notes,
    load_dataset,
)
from trainables.data.sources import DataCounts, DataRequest, DatasetError

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _files_of_our_own_are_official(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision compares MD5 sums; ours differ from the official files'."""
    for module in ("cifar", "svhn", "flowers102"):
        name = f"torchvision.datasets.{module}.check_integrity"
        monkeypatch.setattr(name, lambda path, md5=None: Path(path).is_file())


def asked(name: str, folder: Path, **how: object) -> DataRequest:
    return DataRequest(f"torchvision:{name}", folder, **how)  # type: ignore[arg-type]


def write_cifar100(folder: Path) -> np.ndarray:
    """The training images: (200, 32, 32, 3)."""
    place = folder / "cifar-100-python"
    place.mkdir(parents=True)
    images = RANDOM.integers(0, 256, (300, 3, 32, 32), np.uint8)
    labels = list(range(100)) * 3
    for part, first, last in (("train", 0, 200), ("test", 200, 300)):
        content = {"data": images[first:last].reshape(-1, 3072), "fine_labels": labels[first:last]}
        (place / part).write_bytes(pickle.dumps(content))
    names = {"fine_label_names": [f"thing{number}" for number in range(100)]}
    (place / "meta").write_bytes(pickle.dumps(names))
    return images[:200].transpose(0, 2, 3, 1)


def write_fashion_mnist(folder: Path) -> np.ndarray:
    """The training images: (20, 28, 28) grey."""
    place = folder / "FashionMNIST" / "raw"
    place.mkdir(parents=True)
    for part, count in (("t10k", 10), ("train", 20)):
        images = RANDOM.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        for kind, content in (
            ("images-idx3", head + images.tobytes()),
            ("labels-idx1", struct.pack(">II", 0x801, count) + labels.tobytes()),
        ):
            (place / f"{part}-{kind}-ubyte").write_bytes(content)
            (place / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    return images


def write_svhn(folder: Path) -> np.ndarray:
    """The training images: (30, 32, 32, 3); the file calls the digit 0 ten."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("test", 10), ("train", 30)):
        images = RANDOM.integers(0, 256, (32, 32, 3, count), np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
        savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels})
    return images.transpose(3, 0, 1, 2)


def write_flowers102(folder: Path) -> None:
    """One image of each kind in each of three parts, of different shapes."""
    place = folder / "flowers-102"
    (place / "jpg").mkdir(parents=True)
    for number in range(1, 307):
        Image.new("RGB", (40 + number % 9, 30), (number % 256, 9, 9)).save(
            place / "jpg" / f"image_{number:05}.jpg"
        )
    savemat(place / "imagelabels.mat", {"labels": (np.arange(306) % 102 + 1)[None]})
    ids = {"trnid": range(1, 103), "valid": range(103, 205), "tstid": range(205, 307)}
    savemat(place / "setid.mat", {name: np.array(list(rows))[None] for name, rows in ids.items()})


def test_cifar100_gives_back_its_pixels_labels_and_names(tmp_path: Path) -> None:
    images = write_cifar100(tmp_path)
    request = asked("CIFAR100", tmp_path)
    assert count_dataset(request) == DataCounts(100, 200, 100, held_out=20)
    data = load_dataset(request)
    assert (data.train_images == images).all()
    assert data.train_labels.tolist() == list(range(100)) * 2
    assert data.classes[7] == "thing7"
    assert data.flips


def test_fashion_mnist_is_grey_in_three_channels_at_the_size_asked_for(tmp_path: Path) -> None:
    images = write_fashion_mnist(tmp_path)
    data = load_dataset(asked("FashionMNIST", tmp_path, image_size=28))
    assert (data.train_images == images[..., None]).all()
    assert data.classes[9] == "Ankle boot"
    assert load_dataset(asked("FashionMNIST", tmp_path)).train_images.shape == (20, 32, 32, 3)


def test_svhn_is_never_mirrored(tmp_path: Path) -> None:
    images = write_svhn(tmp_path)
    data = load_dataset(asked("SVHN", tmp_path))
    assert (data.train_images == images).all()
    assert data.train_labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert not data.flips


def test_flowers102_has_validation_images_of_its_own_and_keeps_their_shape(tmp_path: Path) -> None:
    write_flowers102(tmp_path)
    request = asked("Flowers102", tmp_path, image_size=24)
    assert count_dataset(request) == DataCounts(102, 204, 102, held_out=102, own_validation=102)
    assert load_dataset(request).train_images.shape == (204, 24, 24, 3)
    assert "24×24" in " ".join(data_notes(request))


def test_the_digest_is_the_contents_not_the_folders(tmp_path: Path) -> None:
    write_svhn(tmp_path / "one")
    write_svhn(tmp_path / "other")
    first = content_digest(asked("SVHN", tmp_path / "one"))
    assert first != content_digest(asked("SVHN", tmp_path / "other"))
    (tmp_path / "one").rename(tmp_path / "moved")
    assert content_digest(asked("SVHN", tmp_path / "moved")) == first
    assert content_digest(asked("SVHN", tmp_path / "moved", image_size=16)) == first


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no 'CIFAR1000'; did you mean 'CIFAR100"):
        count_dataset(asked("CIFAR1000", tmp_path))


def test_a_folder_without_it_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"SVHN is not under .*leave --data-dir out"):
        count_dataset(asked("SVHN", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.CIFAR100, "url", "http://127.0.0.1:9/cifar-100-python.tar.gz")
    request = DataRequest("torchvision:CIFAR100", download=tmp_path / "here")
    with pytest.raises(DatasetError, match="name a folder that holds it with --data-dir"):
        count_dataset(request)


def test_a_data_set_that_is_none_of_images_and_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="torchvision:CocoDetection"):
        count_dataset(asked("CocoDetection", tmp_path))
