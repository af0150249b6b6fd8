"""A network becomes a table of layers, and says why where it cannot."""

import pytest

from tests.trainables.networks.foreign import DRAWN, FILE, PARAMETERS, TEN_LINES, table_of
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.resnet9 import (
    fixed_macs,
    fixed_parameters,
    replaced_specs,
    resnet9_table,
)
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_table


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_table_counts_the_published_parameters(name: str) -> None:
    table = make_table(name, image_size=32, classes=10 if name == "wrn-28-10" else 1000)
    assert table.parameters == PARAMETERS[name]


def test_multiply_adds_are_the_published_ones() -> None:
    # torchvision's model pages give 1.81 and 0.30 G for images of 224 pixels
    table = make_table("torchvision:resnet18", image_size=224, classes=1000)
    assert table.macs == 1_814_073_344
    assert make_table("torchvision:mobilenet_v2", image_size=224, classes=1000).macs == 300_774_272


def test_a_table_survives_its_json() -> None:
    table = table_of(TEN_LINES)
    again = LayerTable.from_json(table.to_json())
    assert again == table
    assert again.rows == table.rows
    with pytest.raises(ValueError, match="not a table of layers"):
        LayerTable.from_json('{"rows": 3}')


def test_what_is_trained_decides_the_digest_and_not_where_its_file_lies(tmp_path) -> None:
    copy = tmp_path / FILE.name
    copy.write_text(FILE.read_text())
    same = make_table(f"{copy}:make_net", image_size=32, classes=10)
    assert same.digest == table_of(TEN_LINES).digest
    copy.write_text(FILE.read_text().replace("nn.ReLU()", "nn.GELU()"))
    other = make_table(f"{copy}:make_net", image_size=32, classes=10)
    assert other.rows == same.rows
    assert other.digest != same.digest
    wider = make_table(f"{TEN_LINES}(channels=32)", image_size=32, classes=10)
    assert wider.parameters > 2 * same.parameters


@pytest.mark.parametrize("width", [1, 8, 64])
def test_resnet9s_table_says_what_its_own_arithmetic_says(width: int) -> None:
    table = resnet9_table(width, 10)
    chosen = [row for row in table.rows if row.name in table.default]
    assert tuple(row.spec for row in chosen) == replaced_specs(width)
    rest = table.parameters - sum(row.parameters for row in chosen)
    assert rest == fixed_parameters(width, 10)
    assert table.macs - sum(row.macs for row in chosen) == fixed_macs(width, 10)


def test_a_row_says_why_it_stays_dense() -> None:
    table = make_table(f"{FILE}:make_twice", image_size=16, classes=5)
    reasons = {row.name: row.reason for row in table.rows}
    assert reasons == {
        "stem": "",
        "twice": "",
        "called": "its weight is shared with another layer",
        "tied": "its weight is shared with another layer",
        "functional": "its weights are used without calling it",
        "grouped": "groups 4",
        "dilated": "dilation 2",
        "head": "",
    }
    assert table.default == ("twice",)
    twice = next(row for row in table.rows if row.name == "twice")
    assert twice.inputs == ((16, 16), (8, 8))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "network must be one of resnet9, wrn-DEPTH-WIDTH, torchvision:NAME"),
        ("torchvision:resnet19", "did you mean resnet1"),
        ("timm:resnet19", "timm has no network 'resnet19'; did you mean"),
        ("wrn-11-2", "6n \\+ 4"),
        ("torchvision:resnet18(5)", "every argument needs its name"),
        ("torchvision:resnet18(depth=5)", "cannot be built: .*depth"),
        ("nowhere.py:make", "nowhere.py cannot be read: No such file"),
        (f"{FILE}:make_nett", "has no function 'make_nett': .*did you mean 'make_net'"),
        (f"{FILE}:no_classes", "must take the argument classes"),
        (f"{FILE}:make_number", "must return a torch.nn.Module, got int"),
        (f"{FILE}:make_tuple", r"logits of shape \(batch, 10\), got a tuple"),
        (f"{DRAWN}:make_auxiliary", r"as it trains, must return logits .* got a tuple"),
        (
            "torchvision:googlenet(aux_logits=True)",
            "as it trains, .* GoogLeNetOutputs",
        ),
        (f"{DRAWN}:make_probabilities", "as it trains, must return logits, .* what a softmax made"),
        (f"{DRAWN}:make_probabilities(function='sigmoid')", "what a sigmoid made of them"),
        (f"{DRAWN}:make_probabilities(only_evaluation=True)", r"\) must return logits, .* softmax"),
        (f"{FILE}:make_branching", r"cannot be called .*line \d+: if x.sum\(\) > 0"),
        (f"{FILE}:make_other_classes", r"\(batch, 10\), got \(batch, 11\)"),
        ("torchvision:vit_b_16", "cannot be called with images of 3 x 32 x 32: .*"),
    ],
)
def test_a_network_that_cannot_be_used_says_what_it_does(name: str, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        make_table(name, image_size=32, classes=10)


def test_logarithms_of_probabilities_are_logits() -> None:
    """Cross entropy leaves them as they are."""
    table = make_table(
        f"{DRAWN}:make_probabilities(function='log_softmax')", image_size=32, classes=10
    )
    assert table.classes == 10
