"""timm's own weights, from its own cache: no mock, no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.trainables.networks.foreign import table_of
from trainables.config.installation import child_environment
from trainables.config.starting_weights import resolve_weights
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module, meta_module
from trainables.networks.start import inspect_weights, start_from_weights

timm = pytest.importorskip("timm")

NAME = "test_resnet"  # of timm, a network as small as it gets
HALF = "0.5 0.5 0.5/0.5 0.5 0.5"  # what its weights expect


def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    state = timm.create_model(NAME).state_dict()
    return {name: torch.rand_like(one.float()).to(one.dtype) for name, one in state.items()}


def from_file(path: Path) -> str:
    """The network as its own library is told of a file of weights."""
    return f"timm:{NAME}(pretrained_cfg_overlay={{'file': '{path}'}})"


def test_its_weights_start_a_network_of_ten_classes(tmp_path: Path) -> None:
    torch.save(trained(), tmp_path / "net.pth")
    table = table_of(from_file(tmp_path / "net.pth"))
    found = inspect_weights(meta_module(table), table, "pretrained")
    assert found.normalization == HALF
    network = make_module(table)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    start_from_weights(network, table, f"pretrained#{found.digest}")
    assert found.fresh == ("fc",)
    for name, tensor in network.state_dict().items():
        expected = before if name.startswith("fc.") else trained()
        assert torch.equal(tensor, expected[name])


def test_a_network_without_weights_of_its_own_says_what_would_do() -> None:
    table = table_of("timm:convnext_atto_rms")
    with pytest.raises(NetworkError, match=r"timm has no weights of .*: name a file of weights"):
        inspect_weights(meta_module(table), table, "pretrained")


@pytest.mark.slow  # processes that import timm
def test_they_are_found_in_the_cache_of_the_hub_or_one_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> subprocess.CompletedProcess:
        away = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
        words = [sys.executable, "-m", "trainables", "weights", f"timm:{NAME}", "--json"]
        environment = {**os.environ, **child_environment(), **away}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    absent = look()
    assert absent.returncode == 2
    (told,) = [line for line in absent.stderr.splitlines() if line.startswith("error: ")]
    assert f"pretrained weights of timm:{NAME} cannot be had from the Hugging Face hub" in told
    assert "weights=FILE" in told

    hub = timm.create_model(NAME).pretrained_cfg["hf_hub_id"].replace("/", "--")
    folder = tmp_path / "hub" / f"models--{hub}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(trained(), folder / "snapshots" / ("0" * 40) / "model.safetensors")
    found = look()
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["normalization"] == HALF
    assert told["fresh"] == ["fc"]

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = ("pretrained", f"timm:{NAME}#0")
    before = resolve_weights(*asked, image_size=32, classes=10)[0]
    assert resolve_weights(*asked, image_size=32, classes=10)[0] == before
    state = {name: one + 1 for name, one in trained().items()}
    save_file(state, folder / "snapshots" / ("0" * 40) / "model.safetensors")
    assert resolve_weights(*asked, image_size=32, classes=10)[0] != before
