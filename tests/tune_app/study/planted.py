"""Files that run code when anyone unpickles them: what someone who can write there would leave."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainables.files.sealed import file_digest
from trainables.training.checkpoints.checkpoint import STATE


class Canary:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def plain(mark: Path) -> bytes:
    return pickle.dumps(Canary(mark))


def torch_archive(mark: Path) -> bytes:
    """As torch.save writes it: a ZIP archive with a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", plain(mark))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def numpy_array(mark: Path) -> bytes:
    """An array of objects."""
    file = io.BytesIO()
    np.save(file, np.array([Canary(mark)], dtype=object), allow_pickle=True)
    return file.getvalue()


PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    "pickle": plain,
    "torch": torch_archive,
    "numpy": numpy_array,
}


def plant_in_checkpoint(folder: Path, content: bytes) -> None:
    """In place of the tensors, with the checksum that the state file is to name."""
    state = json.loads((folder / STATE).read_text())
    tensors = folder / state["tensors"]
    tensors.write_bytes(content)
    (folder / STATE).write_text(json.dumps({**state, "tensors_blake2b": file_digest(tensors)}))
