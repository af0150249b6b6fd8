"""torchvision's data sets are read from files in their own formats."""

import gzip
import json
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


def write_emnist(folder: Path, split: str) -> None:
    """Ten images of each part of one of EMNIST's splits; letters are numbered from 1."""
    place = folder / "EMNIST" / "raw"
    place.mkdir(parents=True)
    for part in ("train", "test"):
        images = RANDOM.integers(0, 256, (40, 28, 28), np.uint8)
        labels = np.arange(40, dtype=np.uint8) % 10
        head = struct.pack(">IIII", 0x803, 40, 28, 28)
        name = f"emnist-{split}-{part}"
        (place / f"{name}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        labelled = struct.pack(">II", 0x801, 40) + labels.tobytes()
        (place / f"{name}-labels-idx1-ubyte").write_bytes(labelled)


def write_clevr(folder: Path) -> None:
    """Pictures with two or three objects; those of the test part are not counted."""
    place = folder / "clevr" / "CLEVR_v1.0"
    (place / "scenes").mkdir(parents=True)
    for part in ("train", "val", "test"):
        (place / "images" / part).mkdir(parents=True)
        scenes = []
        for number in range(8):
            name = f"CLEVR_{part}_{number}.png"
            Image.new("RGB", (24, 16 + number), (30 * number, 0, 9)).save(
                place / "images" / part / name
            )
            scenes.append({"image_filename": name, "objects": [0] * (number % 2)})
        text = json.dumps({"scenes": scenes})
        (place / "scenes" / f"CLEVR_{part}_scenes.json").write_text(text)


def test_a_split_that_is_no_part_is_chosen_in_brackets(tmp_path: Path) -> None:
    write_emnist(tmp_path, "digits")
    data = load_dataset(asked("EMNIST(split='digits')", tmp_path, image_size=28))
    assert data.counts.train_images == data.counts.test_images == 40
    assert not data.flips
    with pytest.raises(DatasetError, match=r"no part named train; .*EMNIST\(split='…'\)"):
        count_dataset(asked("EMNIST", tmp_path))
    with pytest.raises(DatasetError, match=r"does not take .*'greek'.*Unknown value 'greek'"):
        count_dataset(asked("EMNIST(split='greek')", tmp_path))


def test_a_test_part_without_labels_is_not_used(tmp_path: Path) -> None:
    write_clevr(tmp_path)
    request = asked("CLEVRClassification", tmp_path)
    assert count_dataset(request) == DataCounts(2, 8, 8, held_out=1)
    said = " ".join(data_notes(request))
    assert "the part named test has no labels" in said
    assert "the validation part is the test set" in said


def test_a_data_set_without_files_needs_no_folder_in_it(tmp_path: Path) -> None:
    name = "FakeData(size=40, image_size=(3, 9, 12), num_classes=2)"
    counts = count_dataset(asked(name, tmp_path))
    assert (counts.classes, counts.train_images + counts.test_images) == (2, 40)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PhotoTour", r"it needs name: torchvision:PhotoTour\(name=…\)"),
        ("SVHN(splitt='train')", "SVHN has no 'splitt'; did you mean 'split'"),
        ("SVHN(download=True, root='x')", "root cannot be given: .*; download cannot be given"),
        ("SVHN('train')", r"arguments are written as in SVHN\(split='balanced'\)"),
        ("VisionDataset", "train does not say how many images it has: NotImplementedError"),
        ("SEMEION", "SEMEION is not under .*; leave --data-dir out"),
        ("PCAM", "PCAM (needs a package|is not under)"),
        ("MovingMNIST", "MovingMNIST is not under"),
    ],
)
def test_what_a_data_set_cannot_be_asked_is_told(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        count_dataset(asked(name, tmp_path))
    assert list(tmp_path.iterdir()) == []
