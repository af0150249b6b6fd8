from html import escape

import pytest
from markdown_it import MarkdownIt

from trainables.text.call import read_call
from trainables.text.count import plural, short_count
from trainables.text.duration import format_duration
from trainables.text.markdown import markdown
from trainables.text.moment import format_moment
from trainables.text.share import percent, share_within
from trainables.text.suggestion import did_you_mean, nearest_few
from trainables.text.table import lay_out, shorten_apart, text_table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (600, "10 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (86_400, "24.0 h"),
        (200_000, "2.3 d"),
    ],
)
def test_a_duration_is_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (12, "12"),
        (950, "950"),
        (79_248, "79.2k"),
        (999_499, "999k"),
        (999_700, "1M"),
        (45_487_104, "45.5M"),
        (999.9e6, "1G"),
        (2.272e9, "2.27G"),
    ],
)
def test_a_count_has_three_digits_and_the_next_unit_in_time(count: float, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    "text",
    [
        "low_rank replace layer3.* keep *.conv1",
        "a|<b>c</b>.py:make(depth=2) `x` _y_ __init__ [z](w)",
        "back\\slash and \\* star",
    ],
)
def test_markdown_shows_the_text_as_it_is(text: str) -> None:
    table = f"| a |\n|---|\n| {markdown(text)} |\n"
    html = MarkdownIt().enable("table").render(table)
    assert f"<td>{escape(text)}</td>" in html
    assert markdown("two\nlines") == "two<br>lines"
    assert markdown("p < .001") == "p < .001"


def test_what_misses_a_share_does_not_read_as_if_it_had_it() -> None:
    assert [share_within(part, 10_000) for part in (9_696, 9_700, 10_000)] == [
        "96.9%",
        "97.0%",
        "100.0%",
    ]


def test_one_is_not_several() -> None:
    assert [plural(n, "run") for n in (0, 1, 2, 1200)] == [
        "0 runs",
        "1 run",
        "2 runs",
        "1,200 runs",
    ]


def test_a_moment_says_its_zone() -> None:
    assert format_moment(1_709_993_100.5) == "2024-03-09 14:05 UTC"


@pytest.mark.parametrize("time", [1e12, 1e300, float("inf"), float("nan")])
def test_a_time_of_no_year_is_told_as_it_is(time: float) -> None:
    """The status of a study with one such row in its ledger ended in a traceback."""
    assert format_moment(time) == f"an impossible time ({time:g} s after 1970)"


def test_a_share_has_two_decimals() -> None:
    assert percent(0.9404) == "94.04 %"


def test_columns_are_aligned_and_long_headers_broken() -> None:
    headers = ["name", "rank_divisor", "compression"]
    assert text_table(headers, [["a", "12345678", "1"], ["bcd", "9", "2"]], "<>>") == [
        "        rank_ compress-",
        "name  divisor       ion",
        "a    12345678         1",
        "bcd         9         2",
    ]


def test_columns_are_aligned_and_no_line_ends_in_spaces() -> None:
    rows = [["a", "1", ""], ["bcd", "22", "last"]]
    assert lay_out(rows, "<><") == ["a     1", "bcd  22  last"]


def test_what_is_cut_stays_apart() -> None:
    blocks = ["stages.0.blocks.0.conv1", "stages.0.blocks.0.conv2"]
    assert shorten_apart(blocks, 8) == blocks
    assert shorten_apart(["first.layer", "second.layer"], 6) == ["first…", "secon…"]
    assert shorten_apart(["rank 16 a", "rank 24 b"], 4) == ["rank 1…", "rank 2…"]


def test_what_was_probably_meant_does_not_depend_on_capital_letters() -> None:
    assert did_you_mean("mnist", ["MNIST", "Omniglot"]) == "; did you mean 'MNIST'?"
    assert did_you_mean("CIFAR10", ["cifar10", "digits"]) == "; did you mean 'cifar10'?"
    assert nearest_few("TUCKER", ["cp", "tucker2", "tucker"]) == ["tucker", "tucker2"]
    assert did_you_mean("nothing", ["MNIST"]) == ""


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("timm:resnet18", "timm:resnet18", {}),
        ("timm:resnet18(drop_rate=0.1)", "timm:resnet18", {"drop_rate": 0.1}),
        ("/nets (old)/net.py:make", "/nets (old)/net.py:make", {}),
        ("/nets $(id)/net.py:make(depth=3)", "/nets $(id)/net.py:make", {"depth": 3}),
        ("net.py:make(path='other.py:made')", "net.py:make", {"path": "other.py:made"}),
    ],
)
def test_the_brackets_of_a_call_follow_its_function(text: str, name: str, arguments: dict) -> None:
    assert read_call(text, "depth=20") == (name, arguments)


@pytest.mark.parametrize(
    ("short", "meant"),
    [
        ("lr", "learning_rate"),
        ("WD", "weight_decay"),
        ("batch", "batch_size"),
    ],
)
def test_initials_and_first_words_mean_the_whole_name(short: str, meant: str) -> None:
    keys = ("layer", "learning_rate", "budget_side", "batch_size", "weight_decay", "width")
    assert nearest_few(short, keys)[0] == meant
    assert nearest_few("bs", keys) == []  # two keys have these initials
