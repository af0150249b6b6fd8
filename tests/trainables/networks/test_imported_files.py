"""A network's file may import what lies beside it: that travels along, and decides the trial."""

import shutil
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from tests.trainables.networks.test_travel import elsewhere
from trainables.architectures.layer_table import LayerTable
from trainables.config.tables import _find_file, resolve_network
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module, make_table

FILES = {
    "net.py": """
        import blocks
        from parts.conv import conv
        from torch import nn

        class Net(nn.Module):
            def __init__(self, classes):
                super().__init__()
                self.stem, self.middle = conv(3), conv(blocks.CHANNELS)
                self.head = nn.Linear(blocks.CHANNELS, classes)

            def forward(self, x):
                from parts import pooled  # when it is called
                return self.head(pooled.pool(self.middle(self.stem(x))))

        def make_net(classes):
            return Net(classes)
    """,
    "blocks.py": "CHANNELS = 8",
    "parts/conv.py": """
        from torch import nn
        from ..blocks import CHANNELS

        def conv(channels):
            return nn.Conv2d(channels, CHANNELS, 3, padding=1)
    """,
    "parts/pooled.py": """
        import parts.conv

        def pool(x):
            assert parts.conv.CHANNELS == x.shape[1]
            return x.mean((2, 3))
    """,
    "parts/unused.py": "raise RuntimeError",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).strip() + "\n")
    return folder / "net.py"


def table_of(net: Path) -> LayerTable:
    return make_table(f"{net}:make_net", image_size=8, classes=5)


def test_what_it_imports_travels_and_is_needed_no_more(tmp_path: Path) -> None:
    net = write(tmp_path / "mine", FILES)
    table = table_of(net)
    assert set(table.sources) == {"net.py", "blocks.py", "parts/conv.py", "parts/pooled.py"}
    shutil.rmtree(tmp_path / "mine")
    assert make_module(LayerTable.from_json(table.to_json()))(torch.ones(2, 3, 8, 8)).shape == (
        2,
        5,
    )


def test_each_of_the_files_decides_what_the_network_is(tmp_path: Path) -> None:
    first = table_of(write(tmp_path / "first", FILES))
    assert table_of(write(tmp_path / "moved", FILES)).digest == first.digest
    for name in set(FILES) - {"parts/unused.py"}:
        changed = {**FILES, name: textwrap.dedent(FILES[name]) + "\n# more"}
        assert table_of(write(tmp_path / "changed", changed)).digest != first.digest
    unused = {**FILES, "parts/unused.py": ""}
    assert table_of(write(tmp_path / "changed", unused)).digest == first.digest


def test_two_networks_with_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    narrow = table_of(write(tmp_path / "narrow", FILES))
    wide = table_of(write(tmp_path / "wide", {**FILES, "blocks.py": "CHANNELS = 12"}))
    nets = [make_module(one) for one in (narrow, wide)]
    shapes = [net(torch.ones(2, 3, 8, 8)).shape for net in nets]  # the narrow one after the wide
    assert shapes == [(2, 5), (2, 5)]
    assert [net.head.in_features for net in nets] == [8, 12]


def test_imports_that_reach_nothing_are_all_told_with_their_lines(tmp_path: Path) -> None:
    text = "from . import blocks\nfrom .. import common\nfrom .absent import x\n"
    net = write(tmp_path, {"net.py": text, "blocks.py": "from ...far import y"})
    with pytest.raises(NetworkError) as wrong:
        table_of(net)
    told = str(wrong.value)
    for part in (
        "net.py, line 2: from .. import common: it reaches above",
        f"net.py, line 3: from .absent import x: there is no {tmp_path}/absent.py",
        "blocks.py, line 1: from ...far import y: it reaches above",
        "name a file further up, or install what it imports as a package",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import importlib; importlib.import_module('blocks')", "No module named 'blocks'; a netw"),
        ("import no_such_package", "in its own folder by import statements .*net.py, line 1"),
        ("1 / 0", "ZeroDivisionError: division by zero .*net.py, line 1: 1 / 0"),
        ("import broken", "broken.py is no Python: .*line 1"),
        ("from blocks import no_such_name", "cannot import name 'no_such_name'"),
    ],
)
def test_a_file_that_cannot_be_run_says_where(tmp_path: Path, line: str, words: str) -> None:
    net = write(tmp_path, {"net.py": line, "blocks.py": "x = 1", "broken.py": "("})
    with pytest.raises(NetworkError, match=words):
        table_of(net)


def test_code_that_is_reached_by_another_way_is_part_of_it_too(tmp_path, monkeypatch) -> None:
    text = """
        import sys
        from pathlib import Path
        from torch import nn

        sys.path.insert(0, str(Path(__file__).parent.parent / "common"))
        import elsewhere_in_common

        def make_net(classes):
            exec((Path(__file__).parent / "lines.txt").read_text())
            return nn.Sequential(nn.Flatten(), nn.Linear(192, classes))
    """
    net = write(tmp_path / "mine", {"net.py": text, "lines.txt": "a = 1"})
    write(tmp_path / "common", {"elsewhere_in_common.py": "x = 1"})
    monkeypatch.setattr(sys, "path", [*sys.path])
    table = table_of(net)
    assert set(table.sources) == {"net.py", "lines.txt", "../common/elsewhere_in_common.py"}
    (tmp_path / "common" / "elsewhere_in_common.py").write_text("x = 2")
    with pytest.raises(
        NetworkError, match=r"elsewhere_in_common\.py, which is absent here or holds"
    ):
        make_module(table)


@pytest.mark.slow  # a process with torch looks at the network
def test_a_plan_looks_again_where_a_file_beside_was_changed(tmp_path: Path) -> None:
    net = write(tmp_path, FILES)
    name = f"{net}:make_net"
    first = resolve_network(name, image_size=8, classes=5)
    write(tmp_path, {"blocks.py": "CHANNELS = 9"})
    _find_file.cache_clear()  # as in another process
    assert resolve_network(name, image_size=8, classes=5) != first


@pytest.mark.slow  # a process with torch looks at the network
def test_the_folder_of_the_command_is_no_installed_package(tmp_path: Path, monkeypatch) -> None:
    """What a worker, which runs elsewhere, would not find is refused in the plan."""
    net = write(tmp_path / "nets", {"net.py": "import beside_the_command"})
    write(tmp_path, {"beside_the_command.py": "x = 1"})
    monkeypatch.chdir(tmp_path)
    done = elsewhere(
        tmp_path,
        "import sys; from trainables.config.tables import resolve_network;"
        "resolve_network(sys.argv[1], image_size=8, classes=5)",
        f"{net}:make_net",
    )
    assert "No module named 'beside_the_command'; a network's file imports" in done.stderr
