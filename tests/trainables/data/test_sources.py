"""What is known of a data set before it is read is what is found when it is."""

from pathlib import Path

import pytest

from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import check_dataset, count_training_images


def test_the_digits_are_as_many_as_was_said() -> None:
    digits = load_dataset("digits")
    assert count_training_images("digits") == (len(digits.train_labels), digits.validation_images)
    assert check_dataset("digits") == len(digits.classes)


def test_cifar10_has_as_many_images_as_was_said(cifar10_dir: Path) -> None:
    cifar10 = load_dataset("cifar10", cifar10_dir)
    said = count_training_images("cifar10", cifar10_dir)
    assert said == (len(cifar10.train_labels), cifar10.validation_images)
    assert check_dataset("cifar10", cifar10_dir) == len(cifar10.classes)


@pytest.mark.parametrize("suffix", [".png", ".JPG"])
def test_the_images_of_a_folder_are_counted(tmp_path: Path, suffix: str) -> None:
    for part, count in (("train", 7), ("test", 1)):
        for label in ("cat", "dog", "eel"):
            (tmp_path / part / label).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / label / f"{number}{suffix}").touch()
    assert count_training_images("folder", tmp_path) == (21, 2)
    assert check_dataset("folder", tmp_path) == 3
