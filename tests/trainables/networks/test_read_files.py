"""What a network of one's own reads as it is built is part of what it is."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from trainables.architectures.layer_table import LayerTable
from trainables.config.tables import _find_file, _load, load_table, register_tables, resolve_network
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module, make_table

NET = """
import json
from pathlib import Path
import torch
from torch import nn

HERE = Path("{folder}")
WIDTH = json.loads((HERE / "sizes.json").read_text())["width"]

def make_net(classes):
    net = nn.Sequential(nn.Conv2d(3, WIDTH, 3), nn.Flatten(), nn.Linear(900 * WIDTH, classes))
    net[0].load_state_dict(torch.load(HERE / "weights.pt"))
    return net
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "sizes.json").write_text('{"width": 4}')
    (folder / "net.py").write_text(NET.replace("{folder}", str(folder)))
    write_weights(folder, 0)
    return folder


def write_weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    torch.save(torch.nn.Conv2d(3, 4, 3).state_dict(), folder / "weights.pt")


def table(folder: Path) -> LayerTable:
    return make_table(f"{folder}/net.py:make_net", image_size=32, classes=10)


def test_its_files_are_part_of_its_digest_wherever_they_lie(folder):
    first = table(folder)
    assert set(first.sources) == {"net.py", "weights.pt", "sizes.json"}
    assert table(folder).digest == first.digest
    write_weights(folder, 1)
    assert table(folder).digest != first.digest
    write_weights(folder, 0)
    assert table(folder).digest == first.digest
    elsewhere = first.to_json().replace(f" at {folder}", " at /elsewhere")
    assert LayerTable.from_json(elsewhere).digest == first.digest


@pytest.mark.parametrize(
    "read",
    ["load_file(PATH)", "load_model(net[0], PATH) and {} or {}", "dict_of(safe_open(PATH, 'pt'))"],
)
def test_tensors_that_rust_reads_are_seen_too(tmp_path, read):
    path = tmp_path / "weights.safetensors"
    (tmp_path / "net.py").write_text(RUST.replace("WHERE", str(path)).replace("READ", read))
    digests = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        save_file(torch.nn.Conv2d(3, 4, 3).state_dict(), path)
        found = table(tmp_path)
        assert set(found.sources) == {"net.py", "weights.safetensors"}
        digests.append(found.digest)
    assert digests[0] == digests[2] != digests[1]


RUST = """
from safetensors import safe_open
from safetensors.torch import load_file, load_model
from torch import nn

PATH = "WHERE"

def loaded(layer):
    load_model(layer, PATH)
    return {}

def dict_of(file):
    with file:
        return {name: file.get_tensor(name) for name in file.keys()}

def make_net(classes):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, classes))
    net[0].load_state_dict(READ, strict=False)
    return net
"""


@pytest.mark.parametrize(
    "connect", ["connect(PATH)", "connect(Path(PATH))", "connect(f'file:{PATH}?mode=ro', uri=True)"]
)
def test_a_database_that_it_reads_is_seen_too(tmp_path: Path, connect: str) -> None:
    path = tmp_path / "sizes.db"
    (tmp_path / "net.py").write_text(
        f"import sqlite3\nfrom pathlib import Path\nfrom torch import nn\nPATH = {str(path)!r}\n"
        "def make_net(classes):\n"
        f"    slope = sqlite3.{connect}.execute('select * from slope').fetchone()[0]\n"
        "    layers = nn.Conv2d(3, 4, 3), nn.LeakyReLU(slope), nn.Flatten()\n"
        "    return nn.Sequential(*layers, nn.Linear(3600, classes))\n"
    )
    digests = set()
    for slope in (0.1, 0.2):
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"create table slope as select {slope}")
            database.commit()
        found = table(tmp_path)
        assert set(found.sources) == {"net.py", "sizes.db"}
        digests.add(found.digest)
    assert len(digests) == 2


def test_a_network_whose_file_was_changed_is_not_built(folder):
    first = table(folder)
    assert isinstance(make_module(first), torch.nn.Module)
    write_weights(folder, 1)
    with pytest.raises(NetworkError, match=r"reads .*weights.pt, which is absent here or holds"):
        make_module(first)
    (folder / "weights.pt").unlink()
    with pytest.raises(NetworkError, match=r"weights\.pt"):
        make_module(first)


@pytest.mark.seconds
def test_a_plan_looks_again_where_a_file_was_changed(folder):
    name = f"{folder}/net.py:make_net"
    first = resolve_network(name, image_size=32, classes=10)
    write_weights(folder, 1)
    _find_file.cache_clear()  # as in another process
    again = resolve_network(name, image_size=32, classes=10)
    assert again != first
    assert load_table(again, image_size=32, classes=10).sources["weights.pt"].startswith("blake2b:")


@pytest.mark.seconds
@pytest.mark.parametrize("known_by", ["the cache", "a study"])
def test_a_copy_of_a_network_does_not_need_the_folder_that_its_table_was_made_of(
    folder, known_by, tmp_path, monkeypatch
):
    monkeypatch.setattr("trainables.config.tables._registered", {})
    (folder / "net.py").write_text(
        NET.replace('"{folder}"', "__file__").replace(")\nW", ").parent\nW")
    )
    copy = shutil.copytree(folder, tmp_path / "copy")
    here = resolve_network(f"{copy}/net.py:make_net", image_size=32, classes=10)
    if known_by == "the cache":
        there = resolve_network(f"{folder}/net.py:make_net", image_size=32, classes=10)
        assert there.rpartition("#")[2] == here.rpartition("#")[2]
    else:
        register_tables([table(folder).to_json()])
    shutil.rmtree(folder)
    _load.cache_clear()  # as in another process
    loaded = load_table(here, image_size=32, classes=10)
    assert loaded.folder == str(copy)
    assert isinstance(make_module(loaded), torch.nn.Module)
    write_weights(copy, 1)  # nor is a changed copy taken for the first
    _load.cache_clear()
    with pytest.raises(NetworkError, match=r"reads .*weights.pt, which is absent here or holds"):
        make_module(load_table(here, image_size=32, classes=10))


def test_a_network_that_reads_nothing_keeps_the_digest_that_it_had(tmp_path):
    source = Path(__file__).resolve().parents[2] / "fixtures" / "networks" / "ten_lines.py"
    shutil.copy(source, tmp_path / "ten_lines.py")
    found = make_table(f"{tmp_path}/ten_lines.py:make_net", image_size=32, classes=10)
    assert set(found.sources) == {"ten_lines.py"}
