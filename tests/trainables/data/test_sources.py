"""What is known of a data set before it is read is what is found when it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.image_folder import write_images
from trainables.data.datasets.registry import (
    DATASETS,
    content_digest,
    count_dataset,
    load_dataset,
)
from trainables.data.sources import DataRequest


@pytest.fixture
def request_for(cifar10_dir: Path, tmp_path: Path):
    """A request for a registered data set, with a folder where it needs one."""

    def make(name: str) -> DataRequest:
        if name == "folder":
            write_images(tmp_path, {"train": 7, "val": 2, "test": 1}, ("cat", "dog", "eel"))
        return DataRequest(name, {"folder": tmp_path, "cifar10": cifar10_dir}.get(name))

    return make


NAMED = [name for name in DATASETS if ":" not in name]


@pytest.mark.parametrize("name", NAMED)
def test_a_data_set_has_as_many_images_and_classes_as_was_said(name: str, request_for) -> None:
    request = request_for(name)
    assert count_dataset(request) == load_dataset(request).counts


@pytest.mark.parametrize("name", NAMED)
def test_labels_are_classes_and_every_class_is_trained_and_tested(name: str, request_for) -> None:
    data = load_dataset(request_for(name))
    for labels in (data.train_labels, data.test_labels):
        assert set(labels.tolist()) == set(range(len(data.classes)))


@pytest.mark.parametrize("name", ["cifar10", "digits"])
def test_a_ready_data_set_is_known_by_its_name(name: str) -> None:
    assert content_digest(DataRequest(name)) is None


def test_what_a_plan_asks_of_a_data_set_imports_no_numpy() -> None:
    script = (
        "import sys; from trainables.data.datasets.registry import *; "
        "from trainables.data.sources import DataRequest; count_dataset(DataRequest('digits')); "
        "print(sys.modules.keys() & {'numpy', 'torch', 'PIL'})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
