"""A network whose answer to an image is not the image's alone is told before it is trained."""

from pathlib import Path

import pytest

from trainables.__main__ import main
from trainables.architectures.layer_table import LayerTable
from trainables.networks.from_file.batch_mixing import MIXING, RANDOM
from trainables.networks.registry import make_table

NET = """
import torch
from torch import nn
class Dropped(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, True)
class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0)
class Gated(nn.Module):  # what it mixes is multiplied by zero until it is trained
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))
    def forward(self, x):
        return x + self.gate * x.mean(0)
PARTS = {
    "batch": nn.BatchNorm2d(8),
    "instance": nn.InstanceNorm2d(8),
    "dropout": nn.Dropout(0.5),
    "untracked": nn.BatchNorm2d(8, track_running_stats=False),
    "always": Dropped(),
    "centred": Centred(),
    "gated": Gated(),
}
def make(classes, part="batch"):
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)]
    return nn.Sequential(nn.Conv2d(3, 8, 3), PARTS[part], nn.ReLU(), nn.Conv2d(8, 8, 3), *end)
def flat(classes):
    norm = nn.BatchNorm1d(8, track_running_stats=False)
    first = [nn.Flatten(), nn.Linear(3 * 32 * 32, 8), norm]
    return nn.Sequential(*first, nn.Linear(8, 8), nn.Linear(8, classes))
"""


@pytest.mark.parametrize(
    ("call", "caveat"),
    [
        ("make", ""),
        ("make(part='instance')", ""),
        ("make(part='dropout')", ""),
        ("make(part='untracked')", MIXING),
        ("make(part='centred')", MIXING),
        ("make(part='gated')", MIXING),
        ("flat", MIXING),
        ("make(part='always')", RANDOM),
    ],
)
def test_batches_that_change_answers_are_told_where_layers_are_listed(
    tmp_path: Path, call: str, caveat: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(NET)
    table = make_table(f"{tmp_path}/net.py:{call}", image_size=32, classes=10)
    assert table.caveat == caveat
    assert LayerTable.from_json(table.to_json()).remarks == table.remarks
    assert main(["layers", f"{tmp_path}/net.py:{call}"]) == 0
    assert ("its answer" in capsys.readouterr().out) == bool(caveat)
