"""What a program yields is read once, whether it fits memory or not."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data.test_torchvision_set import write_flowers102
from trainables.data import pixel_cache
from trainables.data.datasets import python_file, torchvision_set
from trainables.data.datasets.registry import (
    content_digest,
    count_dataset,
    data_notes,
    load_dataset,
)
from trainables.data.reading.source_digest import SAMPLED
from trainables.data.sources import DataRequest, DatasetError

PICTURES = """
from pathlib import Path
import numpy as np

HERE = Path(__file__).parent

class Pictures:
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, number):
        with (HERE / "asked").open("a") as asked:
            asked.write(".")
        return np.load(self.files[number]), number % 3

def load():
    files = sorted(map(str, (HERE / "files").glob("*.npy")))
    return PARTS
"""
COUNT = 150


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the function's file and asks for it, in a process that knows nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "files"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(COUNT):
        np.save(folder / f"{number:03}.npy", random.integers(0, 256, (8, 10, 3), np.uint8))
    (tmp_path / "asked").touch()

    def ask(parts: str = "Pictures(files[:100]), Pictures(files[100:])") -> DataRequest:
        (tmp_path / "pictures.py").write_text(PICTURES.replace("PARTS", parts))
        forget()
        return DataRequest(f"{tmp_path}/pictures.py:load", image_size=8)

    return ask


def forget() -> None:
    """What another process would not know."""
    python_file._read.cache_clear()
    torchvision_set.read_torchvision.cache_clear()


def asked(tmp_path: Path) -> int:
    """How often a picture was asked for since the last time."""
    count = (tmp_path / "asked").stat().st_size
    (tmp_path / "asked").write_text("")
    return count


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        "Pictures(files[:100]), Pictures(files[100:])",
        "Pictures(files[:80]), Pictures(files[80:90]), Pictures(files[90:])",
    ],
)
def test_a_second_plan_reads_no_more_than_a_sample(
    pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool, parts: str
) -> None:
    if mapped:
        monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
    request = pictures(parts)
    first = count_dataset(request), content_digest(request)
    assert asked(tmp_path) >= COUNT
    forget()
    assert (count_dataset(request), content_digest(request)) == first
    assert asked(tmp_path) <= 3 * (SAMPLED + 1)
    load_dataset(request)
    again = asked(tmp_path)
    assert again == 0 if mapped else again == COUNT


@pytest.mark.parametrize(
    "parts",
    [
        "Pictures(files[:100]), Pictures(files[100:])",
        "Pictures(files[:80]), Pictures(files[80:90]), Pictures(files[90:])",
        "Pictures(files), None",
    ],
)
def test_mapped_pictures_are_those_in_memory(
    pictures, monkeypatch: pytest.MonkeyPatch, parts: str
) -> None:
    request = pictures(parts)
    whole = load_dataset(request)
    digest = content_digest(request)
    monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
    forget()
    large = load_dataset(request)
    assert isinstance(large.train_pixels, np.memmap)
    assert not isinstance(whole.train_pixels, np.memmap)
    for name in ("train_pixels", "test_pixels", "train_labels", "test_labels"):
        assert (getattr(whole, name) == getattr(large, name)).all()
    assert (whole.mean, whole.std, whole.checksum) == (large.mean, large.std, large.checksum)
    assert (whole.counts, whole.notes) == (large.counts, large.notes)
    assert content_digest(request) == digest
    carried = pickle.dumps(large)
    assert len(carried) < 2000
    assert (pickle.loads(carried).train_pixels == large.train_pixels).all()


@pytest.mark.parametrize("mapped", [False, True])
def test_a_picture_that_changed_in_its_file_is_another_content(
    pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    if mapped:
        monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
    request = pictures()
    first = content_digest(request)
    np.save(tmp_path / "files" / "041.npy", np.zeros((8, 10, 3), np.uint8))
    forget()
    assert content_digest(request) != first
    assert (load_dataset(request).train_images[41] == 0).all()


def test_pictures_that_are_drawn_at_random_are_refused(pictures, tmp_path: Path) -> None:
    request = pictures()
    path = tmp_path / "pictures.py"
    drawn = "np.random.default_rng().integers(0, 256, (8, 10, 3), np.uint8)"
    text = path.read_text().replace("np.load(self.files[number])", f"{drawn} if number == 7 else 0")
    path.write_text(text.replace(" else 0", " else np.load(self.files[number])"))
    forget()
    count_dataset(request)
    forget()
    count_dataset(request)
    with pytest.raises(DatasetError, match="nothing about them may be drawn at random"):
        load_dataset(request)


def test_torchvisions_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "torchvision.datasets.flowers102.check_integrity",
        lambda path, md5=None: Path(path).is_file(),
    )
    monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
    write_flowers102(tmp_path / "data")
    request = DataRequest("torchvision:Flowers102", tmp_path / "data", image_size=16)
    forget()
    data = load_dataset(request)
    assert isinstance(data.train_pixels, np.memmap)
    files = sorted((tmp_path / "cache" / "ranktune" / "pixels").glob("*/*.npy"))
    before = [path.stat().st_mtime_ns for path in files]
    forget()
    assert load_dataset(request).checksum == data.checksum
    assert [path.stat().st_mtime_ns for path in files] == before


def test_unequal_classes_are_worth_a_word(pictures) -> None:
    equal = pictures("Pictures(files[:90]), Pictures(files[90:])")
    assert "unequal" not in " ".join(data_notes(equal))
    rare = "[n for n in range(90) if n % 3 or n < 30]"  # ten of the first class, thirty of others
    chosen = f"Pictures([files[n] for n in {rare}]), Pictures(files[90:])"
    text = PICTURES.replace("number % 3", "int(self.files[number][-7:-4]) % 3")
    request = pictures(chosen)
    path = Path(request.dataset.removesuffix(":load"))
    path.write_text(text.replace("PARTS", chosen))
    forget()
    told = " ".join(data_notes(request))
    assert "30 training images of '1', 10 of '0'; metric=balanced_accuracy" in told


NAMED_AS_READ = """
from pathlib import Path
import numpy as np

class Pictures:
    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        return np.load(Path(PLACE) / f"{self.first + number:03}.npy"), number % 3

def load():
    return Pictures(0, 100), Pictures(100, 50)
"""


@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_that_no_sample_names_is_seen_to_change(
    pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    """Else a study would go on with the pictures of before, or train on them."""
    if mapped:
        monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
    request = pictures()
    folder = tmp_path / "files"
    (tmp_path / "pictures.py").write_text(NAMED_AS_READ.replace("PLACE", repr(str(folder))))
    before, checksum = content_digest(request), load_dataset(request).checksum
    forget()
    assert content_digest(request) == before
    unsampled = folder / "052.npy"
    np.save(unsampled, 255 - np.load(unsampled))
    forget()
    assert content_digest(request) != before
    assert load_dataset(request).checksum != checksum
