"""A function of one's own returns the images, or is told what is wrong with what it returns."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import (
    content_digest,
    count_dataset,
    data_notes,
    load_dataset,
)
from trainables.data.sources import DataCounts, DataRequest, DatasetError
from trainables.training.trainer import Trainer

HEAD = """
import numpy as np
random = np.random.default_rng(0)
def draw(count, side=32):
    labels = np.arange(count) % 3
    shades = 40 + 80 * labels[:, None, None, None] + random.integers(-9, 10, (count, side, side, 3))
    return shades.astype(np.uint8), labels
"""


@pytest.fixture
def asked(tmp_path: Path):
    """Writes a file whose function ``load`` has this body, and asks for it."""

    def ask(body: str, function: str = "load", **how: object) -> DataRequest:
        path = tmp_path / "pictures.py"
        path.write_text(HEAD + textwrap.dedent(body), encoding="utf-8")
        return DataRequest(f"{path}:{function}", **how)  # type: ignore[arg-type]

    return ask


ARRAYS = "def load():\n    return draw(90), draw(30)\n"


def test_arrays_are_taken_as_they_are_and_trained_on(asked) -> None:
    request = asked(ARRAYS)
    assert count_dataset(request) == DataCounts(3, 90, 30, held_out=9)
    data = load_dataset(request)
    assert data.classes == ("0", "1", "2")
    config = TrainConfig(width=2, batch_size=16, epochs=2, classes=3, dataset=request.dataset)
    trainer = Trainer(config, data, threads=1)
    trainer.train_epoch()
    assert trainer.train_epoch().train_accuracy > 0.5


def test_pictures_that_repeat_are_told(asked) -> None:
    request = asked(
        """
        def load():
            images, labels = draw(60)
            images[1], labels[1] = images[0], 2  # in two classes
            tests = images[[0, 3, 4, 5]].copy(), labels[[0, 3, 4, 5]]
            return (images, labels), tests
        """
    )
    told = [note for note in data_notes(request) if "more than one" in note or "repeat" in note]
    assert [note.partition(" in ")[0].partition(",")[0] for note in told] == [
        "4 pictures are",
        "1 picture is",
        "5 images repeat another",
    ]
    assert load_dataset(request).notes == tuple(data_notes(request))


def test_pictures_that_differ_are_not(asked) -> None:
    assert not any("repeat" in note for note in data_notes(asked(ARRAYS)))


def test_three_parts_are_train_validation_and_test(asked) -> None:
    request = asked("def load():\n    return draw(60), draw(12), draw(30)\n")
    assert count_dataset(request) == DataCounts(3, 72, 30, held_out=12, own_validation=12)


def test_a_map_style_data_set_of_pictures_is_read(asked) -> None:
    request = asked(
        """
        from PIL import Image
        import torch
        class Pictures:
            classes = ("low", "middle", "high")
            def __init__(self, count, kind): self.rows, self.kind = draw(count, 40), kind
            def __len__(self): return len(self.rows[0])
            def __getitem__(self, n):
                pixels, label = self.rows[0][n], self.rows[1][n]
                if self.kind == "tensor":
                    return torch.from_numpy(pixels).permute(2, 0, 1), torch.tensor(label)
                return Image.fromarray(pixels), int(label)
        def load():
            return Pictures(30, "picture"), Pictures(9, "tensor")
        """,
        image_size=40,
    )
    data = load_dataset(request)
    assert data.classes == ("low", "middle", "high")
    means = data.test_images.mean((1, 2, 3))
    assert np.abs(means - (40 + 80 * data.test_labels)).max() < 2


def test_grey_arrays_of_another_shape_become_squares(asked) -> None:
    request = asked(
        "def load():\n    (a, b), (c, d) = draw(30), draw(6)\n"
        "    return (a[:, :20, :, 0], b), (c[:, :20, :, 0], d)\n",
        image_size=16,
    )
    assert load_dataset(request).train_images.shape == (30, 16, 16, 3)


def test_data_dir_is_handed_over_and_a_file_beside_it_can_be_imported(
    asked, tmp_path: Path
) -> None:
    (tmp_path / "beside_pictures.py").write_text("COUNT = 30\n")
    request = asked(
        """
        from beside_pictures import COUNT
        def load(data_dir):
            assert (data_dir / "here").is_file()
            return draw(COUNT), draw(6)
        """,
        data_dir=tmp_path,
    )
    (tmp_path / "here").touch()
    assert count_dataset(request).train_images == 30


def test_the_digest_is_of_what_is_returned_not_of_the_file(asked) -> None:
    first = content_digest(asked(ARRAYS))
    assert content_digest(asked("# a remark\n" + ARRAYS)) == first
    assert content_digest(asked(ARRAYS.replace("draw(30)", "draw(33)"))) != first


ITEMS = """
class Own:
    def __len__(self):
        return 9
    def __getitem__(self, number):
        return {}
def load():
    return Own(), Own()
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def other(): pass", "has no function 'load'; it has draw, other"),
        ("def load():\n    return 1 / 0", r"pictures.py, line 9: ZeroDivisionError"),
        ("import a_module_that_is_not_there", r"line 8: ModuleNotFoundError"),
        ("def load():\n    return draw(9)[0]", "returned ndarray; it must return train and test"),
        ("def load():\n    return 5, draw(9)", "train must be arrays .*got int"),
        (
            "def load():\n    a, b = draw(9)\n    return (a, b[:5]), draw(9)",
            "9 images and 5 labels",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a / 255, b), draw(9)",
            r"train\[0\]: an image must be of type uint8.*float64.*and 4 more",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a.astype('int64'), b), draw(9)",
            r"int64: values from 0 to 255 become so by values.astype\('uint8'\);",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a * np.uint16(257), b), draw(9)",
            r"uint16: values from 0 to 65535 become so by \(values / 257\).round",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a, b - 1), draw(9)",
            r"train\[0\]: a label must be a whole number from 0 on, got .*-1",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a, b * 2), draw(9)",
            r"train has no pictures of the classes 1, 3$",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a, b + 1), draw(9)",
            r"no pictures of the class 0: labels start at 0, these at 1; subtract 1 from all",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a.astype('float32'), b), draw(9)",
            r"float32: values from \d+ to \d+; give them from 0 to 255.* .round\(\).astype",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return ((a - 127.5) / 51, b), draw(9)",
            r"float64: values from -1.* as they are before they are normalised",
        ),
        (
            "def load():\n    a, b = draw(9)\n    return (a, b), (a[:0], b[:0])",
            "test has no pictures",
        ),
        ("def load():\n    a, b = draw(9)\n    return (a, b * 0), (a, b * 0)", "at least 2"),
        (
            ITEMS.format("draw(1)[0][1 // (number % 4 - 3) * 0], number % 3"),
            r"train\[3\]: ZeroDivisionError: .*; train\[7\]: ZeroDivisionError",
        ),
        (
            ITEMS.format("{'image': 1, 'label': number % 3}"),
            r"train\[0\]: an item must be a pair .*got a dict with the keys image, label",
        ),
        (ITEMS.format("exit(0), 1"), r"train\[0\]: SystemExit: 0"),  # not the command's end
        (
            "class Odd(Exception):\n    def __str__(self): 1 / 0\ndef load():\n    raise Odd",
            r"pictures.py, line 11: Odd: ",
        ),
        (ITEMS.format("1, number % 3, 'x'"), r"an item must be a pair .*got a tuple of 3"),
        (
            "def load():\n    a, b = draw(9)\n    return (a, np.eye(3)[b]), (a, b)",
            r"train\[0\]: a label must be .*labels.argmax\(1\)",
        ),
        (
            ITEMS.format("draw(1)[0][0], np.ones(3, np.int64)"),
            r"train\[0\]: a label must be .*these are 3 labels of one image, choose one",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_place(asked, body: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        count_dataset(asked(body))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no file .*nowhere.py"):
        count_dataset(DataRequest(f"{tmp_path}/nowhere.py:load"))
