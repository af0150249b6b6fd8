"""Networks that cannot be planned: everything that is wrong is said at once, by the plan."""

import textwrap
from pathlib import Path

import pytest

from search_spaces.registry import SPACES
from tests.trainables.networks.foreign import FILE
from trainables.config import tables
from trainables.config.train_config import ConfigError, TrainConfig
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.plan import make_plan
from tune_app.preview.preflight import start_problems


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(space: str = "shrink", dataset: str = "digits", **settings) -> list[str]:
    options = RunOptions(
        space=space, dataset=dataset, settings={key: (value,) for key, value in settings.items()}
    )
    with pytest.raises(UsageError) as caught:
        make_plan(options, SPACES[space])
    return [*caught.value.problems]


@pytest.mark.slow  # a process with torch looks at the network
def test_every_wrong_key_is_told_beside_a_network_without_a_file() -> None:
    told = problems(network="nowhere.py:make", learning_rate=-1, label_smoothing=7, width=8)
    for part in (
        "nowhere.py cannot be read: No such file",
        "learning_rate must lie in",
        "label_smoothing must lie in",
        "width is resnet9's, got 8 for nowhere.py:make; drop it",
    ):
        assert len([one for one in told if part in one]) == 1, told


@pytest.mark.slow  # a process with torch looks at the network
def test_absent_images_are_told_beside_the_network() -> None:
    options = RunOptions(
        space="shrink",
        dataset="folder",
        data_dir=Path("no-photos"),
        settings={"network": ("nowhere.py:make",)},
    )
    with pytest.raises(UsageError) as caught:
        make_plan(options, SPACES["shrink"])
    told = "\n".join(caught.value.problems)
    assert "--data-dir no-photos does not exist" in told
    assert "nowhere.py cannot be read" in told


@pytest.mark.seconds  # builds networks
def test_patterns_without_a_match_are_all_told() -> None:
    told = problems(network="torchvision:resnet18", replace="conv9", keep="layer9.*")
    assert len(told) == 2
    assert "replace 'conv9' matches no layer of torchvision:resnet18; the nearest are" in told[1]
    assert "keep 'layer9.*' matches no layer" in told[0]


@pytest.mark.slow  # a process with torch looks at the network
def test_a_network_of_which_nothing_can_be_replaced_says_why(tmp_path: Path) -> None:
    text = """
        from torch import nn

        def make(classes):
            depthwise = nn.Conv2d(3, 3, 3, groups=3)
            return nn.Sequential(
                depthwise, nn.Conv2d(3, 6, 3, groups=3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(6, classes),
            )
    """
    (tmp_path / "net.py").write_text(textwrap.dedent(text))
    (told,) = problems(network="net.py:make")
    assert "no layer of net.py:make can be replaced: depthwise" in told


@pytest.mark.seconds  # builds networks
@pytest.mark.parametrize(
    ("compression", "words"),
    [
        (0.0001, "its smallest network has 32,858 (rank 1), its largest 11,181,642 (rank 512)"),
        (1.0, ""),
    ],
)
def test_a_budget_outside_a_family_names_its_floor_and_ceiling(compression, words) -> None:
    settings = {"network": ("torchvision:resnet18",), "layer": ("tucker2",)}
    settings |= {"compression": (compression,), "learning_rate": (0.1,)}
    options = RunOptions(space="shrink", dataset="digits", settings=settings, seeds=1)
    plan = make_plan(options, SPACES["shrink"])
    assert [words in one.reason for one in plan.infeasible] == [True] * bool(words)
    settings |= {"layer": ("tucker",), "compression": (0.5,)}
    options = RunOptions(space="shrink", dataset="digits", settings=settings, seeds=1)
    (above,) = make_plan(options, SPACES["shrink"]).infeasible
    assert "1,533,898" in above.reason
    assert "which is its largest network; its smallest has 56,781" in above.reason


@pytest.mark.slow  # a process with torch looks at the network
def test_classes_that_are_not_the_datas_are_refused_before_anything_starts() -> None:
    settings = {"network": (f"{FILE}:make_net",), "classes": (7,)}
    options = RunOptions(space="shrink", dataset="digits", settings=settings)
    plan = make_plan(options, SPACES["shrink"])
    told = "\n".join(start_problems(plan, options))
    assert "digits has 10 classes, classes says 7" in told


@pytest.mark.slow  # a process with torch looks at the network
def test_a_network_that_cannot_be_used_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    run_torch_command = tables.run_torch_command

    def counted(words, what):
        asked.append(words)
        return run_torch_command(words, what)

    monkeypatch.setattr(tables, "run_torch_command", counted)
    for seed in range(3):
        with pytest.raises(ConfigError, match="got a tuple"):
            TrainConfig.from_trial({"network": f"{FILE}:make_tuple", "seed": seed})
    assert len(asked) == 1
