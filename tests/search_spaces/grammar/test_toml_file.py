"""Spaces from TOML: the documented example works, and a bad file says everything that is wrong."""

import dataclasses
import re
from pathlib import Path

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.question import Contrast, Select
from search_spaces.grammar.toml_file import SpaceError, read_space
from trainables.config.train_config import TrainConfig

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """The example of docs/spaces.md as a file."""
    text = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    path = tmp_path / "example.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "bad.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        read_space(path)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_the_documented_example_is_the_space_it_says(documented: Path) -> None:
    space = read_space(documented)
    assert (space.name, space.search, space.scheduler, space.seeds) == (
        "how_many_dims",
        "grid",
        "none",
        2,
    )
    assert space.questions == (Contrast("layer", "low_rank", "tensor_train"),)
    assert list(space.keys) == ["layer", "rank_scale", "dims", "learning_rate"]
    assert space.keys["layer"].domain == Choice(("dense", "low_rank", "tensor_train"))
    assert space.keys["rank_scale"].domain == Float(0.05, 1.0, log=True, grid=(0.125, 0.25, 0.5))
    assert space.keys["dims"].domain == Int(2, 4, grid=(2, 3, 4))
    assert space.keys["dims"].when == {"layer": ("tensor_train",)}
    assert space.nuisance_keys == ("learning_rate",)


def test_the_documented_example_has_one_dense_three_low_rank_and_nine_tensor_train_points(
    documented: Path,
) -> None:
    space = read_space(documented)
    points = [{**space.fixed, **point} for point in grid_points(space)]
    layers = [TrainConfig.from_trial(point).layer for point in points]
    assert {layer: layers.count(layer) for layer in layers} == {
        "dense": 1,
        "low_rank": 3,
        "tensor_train": 9,
    }


def test_every_key_of_a_trial_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", text, re.MULTILINE))
    for field in dataclasses.fields(TrainConfig):
        written = rows.pop(field.name).strip('"')
        value = "none" if field.default is None else str(field.default).lower()
        if isinstance(field.default, float):
            assert float(written) == field.default
        else:
            assert written == value
    assert rows == {}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs").rglob("*.toml")), ids=lambda path: path.name
)
def test_every_space_under_docs_is_made_of_trial_configurations(path: Path) -> None:
    space = read_space(path)
    points = [{**space.fixed, **point} for point in grid_points(space)]
    configs = [TrainConfig.from_trial(point) for point in points]
    assert [config.layer for config in configs] == [point["layer"] for point in points]
    assert configs


def test_a_space_is_named_after_its_file_unless_it_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "shallow.toml"
    path.write_text('[space]\nquestion = "?"\n[keys.dims]\nvalues = [2, 3]\n', encoding="utf-8")
    assert read_space(path).name == "shallow"


def test_all_problems_of_a_file_are_told_at_once_under_their_keys(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [space]
        questoin = "?"
        seeds = 0
        contrast = { key = "layer" }
        [fixed]
        width = [8]
        [keys.layer]
        values = []
        [keys.rank]
        type = "integer"
        [keys.dims]
        type = "int"
        low = 4
        high = 2.5
        [keys.rank_scale]
        type = "float"
        high = 1
        role = "scientist"
        [keys.weight_decay]
        type = "float"
        low = 0
        high = 1
        log = true
        [extra]
        """,
    )
    assert problems(path) == [
        "extra: unknown; known are fixed, keys, space",
        "space.questoin: unknown; did you mean 'question'?",
        "space.question: missing; a space asks a question",
        "space.seeds: a whole number of 1 to 1000, got 0",
        "space.contrast.baseline: missing",
        "space.contrast.treatment: missing",
        "fixed.width: text, a number, true or false, got [8]",
        "keys.layer: a Choice needs at least one value, got none",
        "keys.rank.type: one of float, int, choice, got 'integer'",
        "keys.dims: low, high and grid are whole numbers, got [2.5]",
        "keys.rank_scale.role: one of scientific, carried, nuisance, got 'scientist'",
        "keys.rank_scale.low: missing",
        "keys.weight_decay: a logarithmic domain needs low > 0, got low=0",
    ]


def test_the_contrast_of_before_is_the_first_question(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [space]
        question = "?"
        contrast = { key = "layer", baseline = "dense", treatment = "cp" }
        [[space.questions]]
        kind = "select"
        key = "layer"
        within = "compression"
        [keys.layer]
        values = ["dense", "cp"]
        [keys.compression]
        values = [0.1, 0.2]
        """,
    )
    asked = (Contrast("layer", "dense", "cp"), Select("layer", "compression"))
    assert read_space(path).questions == asked


def test_what_is_wrong_with_questions_is_told_with_all_the_rest_under_its_path(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        """
        [space]
        question = "?"
        seeds = 1001
        estimating_seeds = -1
        contrast = { key = "layer", baseline = "dense", treatment = "tucker" }
        questions = [
            { kind = "trend", key = "weight_decay" },
            { kind = "smallest", margin = 2, reference = { layer = "dense" } },
            { kind = "select", key = ["layer", "dims"], within = "compression" },
        ]
        [keys.layer]
        values = ["dense", "cp"]
        [keys.weight_decay]
        values = [0.0001, 0.001]
        """,
    )
    assert problems(path) == [
        "space.seeds: a whole number of 1 to 1000, got 1001",
        "space.estimating_seeds: a whole number of 0 to 1000, got -1",
        "space.questions[1].margin: a difference of accuracies between 0 and 1, got 2",
        "space.contrast.treatment: no run has layer = 'tucker'; its values are dense, cp",
        "space.questions[0].key: 'weight_decay' must have role 'carried', it has 'scientific'",
        "space.questions[0].key: 'weight_decay' needs at least 5 grid points, it has 2",
        "space.questions[0].against: a power of the compression takes at least 3 networks of "
        "different sizes: give a size key more values",
        "space.questions[2].key: the space has no key 'dims'; it searches layer, weight_decay",
        "space.questions[2].within: the space has no key 'compression'; it searches layer, "
        "weight_decay",
    ]


def test_a_condition_on_an_undeclared_key_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, '[space]\nquestion="?"\n[keys.rank]\nvalues=[2]\nwhen={layer="cp"}\n')
    assert problems(path) == [
        "space 'bad': key 'rank' depends on 'layer', which is not declared before it"
    ]


def test_a_condition_that_no_network_meets_is_named(tmp_path: Path) -> None:
    """A mistyped family left its networks with the default."""
    path = tmp_path / "mine.toml"
    layers = '[space]\nquestion = "?"\n[keys.layer]\nvalues = ["tensor_train", "tucker"]\n'
    path.write_text(layers + '[keys.dims]\nvalues = [2]\nwhen = { layer = ["tucker", "tt"] }\n')
    with pytest.raises(SpaceError) as error:
        read_space(path)
    told = f"{path}: keys.dims.when: layer is never 'tt', but tensor_train, tucker"
    assert error.value.problems == (told,)


def test_text_in_another_encoding_is_told_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[space]", encoding="utf-16")
    with pytest.raises(SpaceError, match="is no UTF-8 text; save it as UTF-8"):
        read_space(tmp_path / "mine.toml")


def test_text_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, '[space]\nname = "a\nseeds = 1\n'))
    assert "is not TOML" in problem
    assert "line 2" in problem


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 5000 + "]" * 5000], ids=["long", "deep"])
def test_what_the_parser_cannot_take_is_no_toml(tmp_path: Path, value: str) -> None:
    (problem,) = problems(written(tmp_path, f"[fixed]\nwidth = {value}\n"))
    assert "is not TOML" in problem


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("values = [[1, 2]]", ".values: text, a number, true or false, got [1, 2]"),
        ("values = [{ a = 1 }]", ".values: text, a number, true or false, got {'a': 1}"),
        ('values = "1, 2"', ".values: a list such as [1, 2], got '1, 2'"),
        ('type = ["int"]', ".type: one of float, int, choice, got ['int']"),
        (
            f'type = "float"\nlow = 0\nhigh = 1{"0" * 400}',
            ": low, high and grid are finite numbers",
        ),
    ],
)
def test_what_is_no_value_of_a_key_is_told_once(tmp_path: Path, table: str, problem: str) -> None:
    text = f'[space]\nquestion = "?"\n[keys.rank]\n{table}\n'
    assert problems(written(tmp_path, text)) == [f"keys.rank{problem}"]


def test_an_absent_file_says_what_a_space_may_be(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "none.toml")
    assert problem.endswith("takes a space's name or a .toml file")


@pytest.mark.parametrize("name", ["../elsewhere", "..", "/tmp", " ", "a\\u0000b", "a\\nb"])
def test_a_name_is_one_folders(tmp_path: Path, name: str) -> None:
    head = f'[space]\nquestion = "?"\nname = "{name}"\n'
    (problem,) = problems(written(tmp_path, f"{head}[keys.rank]\nvalues = [1, 2]\n"))
    assert problem.startswith("space.name: one folder's name, got ")


def test_an_interval_is_finite(tmp_path: Path) -> None:
    key = '[keys.learning_rate]\ntype = "float"\nlow = 0.1\nhigh = inf\n'
    (problem,) = problems(written(tmp_path, f'[space]\nquestion = "?"\n{key}'))
    assert "are finite numbers" in problem


def test_problems_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    names = [f"unheard_{number}" for number in range(9)]
    path = written(tmp_path, "".join(f"{name} = 1\n" for name in names))
    assert [one.partition(":")[0] for one in problems(path)][:9] == names
