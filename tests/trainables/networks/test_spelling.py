"""A network is one, however its name and arguments are written."""

import dataclasses
from pathlib import Path

import pytest

from trainables.architectures.network_spelling import is_rewritten
from trainables.config.tables import network_as_begun, register_tables, resolve_network
from trainables.networks.registry import make_module, make_table

SIZES = {"image_size": 32, "classes": 10}
NET = """
from torch import nn
def make(classes, depth=20, drop=0.0, sides=(3, 3)):
    layers = [nn.Conv2d(3, depth, sides), nn.Dropout(drop), nn.Conv2d(depth, 8, 3)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
def other(classes, depth=20):
    return make(classes, depth, .5)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("study/sub", "models"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "study/net.py").write_text(NET)
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def digest(network: str) -> str:
    return make_table(network, **SIZES).digest


@pytest.mark.parametrize(
    "spelled",
    [
        "net.py:make()",
        "net.py:make(depth=20)",
        "net.py:make(drop=0, depth=20)",
        "net.py:make( sides = [3, 3] )",
        "net.py:make(classes=10)",
        "./net.py:make",
        "sub/../net.py:make(depth=20)",
    ],
)
def test_defaults_brackets_and_paths_make_no_other_network(spelled: str) -> None:
    table = make_table(spelled, **SIZES)
    assert (table.network, table.digest) == ("net.py:make", digest("net.py:make"))


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        ("wrn-10-1(dropout=0)", "wrn-10-1"),
        ("torchvision:squeezenet1_1(weights=None, progress=True)", "torchvision:squeezenet1_1"),
        ("net.py:make( drop=.5 ,depth = 21)", "net.py:make(depth=21, drop=0.5)"),
    ],
)
def test_other_spellings_make_no_other_network(spelled: str, plain: str) -> None:
    table = make_table(spelled, **SIZES)
    assert (table.network, table.digest) == (plain, digest(plain))


def test_what_is_written_otherwise_and_is_another_network_stays_one() -> None:
    calls = ["(drop=0.5)", "(depth=21)", "(sides=3)", ""]
    names = [*(f"make{call}" for call in calls), "other", "other(depth=21)"]
    assert len({digest(f"net.py:{name}") for name in names}) == len(names)


def test_a_link_is_its_file_unless_it_lies_beside_other_imports(folder: Path) -> None:
    (folder / "link.py").symlink_to("net.py")
    table = make_table("link.py:make", **SIZES)
    assert (table.network, table.digest) == ("net.py:make", digest("net.py:make"))
    make_module(table)
    models = folder.parent / "models"
    (models / "whole.py").write_text("from parts import size\n" + NET)
    (models / "parts.py").write_text("size = 1\n")
    (folder / "parts.py").write_text("size = 2\n")
    (folder / "whole.py").symlink_to(models / "whole.py")
    table = make_table("whole.py:make", **SIZES)
    assert (table.network, table.folder) == ("whole.py:make", str(folder))


def test_a_file_elsewhere_is_named_by_its_whole_path(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder / "sub")
    assert resolve_network("../net.py:make()", **SIZES) == (
        f"{folder.resolve()}/net.py:make#{digest('../net.py:make')}"
    )


@pytest.mark.parametrize(
    ("written", "arguments", "is_same"),
    [
        ("net.py:make( depth=20 )", {"depth": 20}, True),
        ("./link.py:make()", {}, True),
        ("net.py:make(depth=21)", {"depth": 21}, False),
        ("net.py:other", {}, False),
    ],
)
def test_a_study_goes_on_with_the_network_as_it_was_written(
    folder: Path, written: str, arguments: dict, is_same: bool
) -> None:
    (folder / "link.py").symlink_to("net.py")
    now = make_table("net.py:make", **SIZES)
    name = written.rpartition("/")[2].partition(":")[0]
    # an older version kept all arguments, and knew no defaults
    before = dataclasses.replace(
        now, network=written, arguments=arguments, sources={name: NET}, defaults={}
    )
    register_tables([now.to_json(), before.to_json()])
    begun = f"{written}#{before.digest}"
    network = f"{now.network}#{now.digest}"
    assert network_as_begun(network, [begun], **SIZES) == (begun if is_same else network)
    (folder / "net.py").write_text(NET.replace("Dropout", "Dropout2d"))
    assert not is_rewritten(make_table("net.py:make", **SIZES), before)
