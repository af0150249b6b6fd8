"""Values as they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.config.parsing import scalar, written
from tune_app.command.option_parsers import (
    ParseError,
    above_zero,
    at_least,
    duration,
    kept,
    objectives,
    one_of,
    setting,
    share,
)


@given(st.integers(-(10**9), 10**9))
def test_a_whole_number_is_read_back_unless_it_is_too_small(number: int) -> None:
    expected = f"takes a whole number of at least 5, got '{number}'"
    assert at_least(5)(str(number)) == (number if number >= 5 else ParseError(expected))


@pytest.mark.parametrize("text", ["1,000,000", "1_000_000", "1000000"])
def test_thousands_may_be_separated(text: str) -> None:
    assert at_least(1)(text) == 1_000_000


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "x", ""])
def test_a_positive_number_is_finite_and_above_zero(text: str) -> None:
    assert above_zero()(text) == ParseError(f"takes a number above 0, got {text!r}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d12h", 129_600), ("1.5h", 5400)],
)
def test_a_time_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration()(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2x", "0", "-1h", "infd", "99999999999d"])
def test_what_is_no_time_says_how_one_looks(text: str) -> None:
    assert duration()(text) == ParseError(
        f"takes a time such as 90s, 30m, 2h or 1d12h, got {text!r}"
    )


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0.25", 0.25), ("2", 2), ("auto", "auto")])
def test_a_share_of_gpus_is_a_fraction_whole_cards_or_auto(text: str, value: object) -> None:
    assert share()(text) == value


@pytest.mark.parametrize("text", ["1.5", "-1", "half", "inf", "nan", "1e-9"])
def test_no_trial_takes_one_and_a_half_cards(text: str) -> None:
    assert isinstance(share()(text), ParseError)


def test_a_wrong_name_lists_the_choices_and_the_nearest() -> None:
    assert one_of("scheduler", ("none", "asha"))("ahsa") == ParseError(
        "unknown scheduler 'ahsa': choose from none, asha; did you mean 'asha'?"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2", -2),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("none", None),
        ("cosine", "cosine"),
        ("'none'", "none"),
        ('"3"', "3"),
    ],
)
def test_a_value_has_the_type_it_looks_like(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_a_setting_has_one_value_or_several() -> None:
    assert setting("dims=3") == ("dims", (3,))
    assert setting("layer = cp, dense") == ("layer", ("cp", "dense"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("n.py:f(depth=20, drop=(1,2)),n.py:g", ("n.py:f(depth=20, drop=(1,2))", "n.py:g")),
        ("'/a, b/w.pt',\"c,d\"", ("/a, b/w.pt", "c,d")),
        ("it's,that", ("it's", "that")),
        ("f(1,2", ("f(1", 2)),
        ("'a,b", ("'a", "b")),
    ],
)
def test_a_comma_in_brackets_or_quotes_parts_nothing(text, values) -> None:
    assert setting(f"key={text}") == ("key", values)


@pytest.mark.parametrize("text", ["dims", "dims=", "=3", "dims=2,,3", "dims=2,2"])
def test_a_setting_that_says_nothing_or_a_value_twice_is_wrong(text: str) -> None:
    assert isinstance(setting(text), ParseError)


def test_the_objective_that_drives_the_search_comes_first() -> None:
    assert objectives("val_accuracy,macs") == ("val_accuracy", "macs")
    assert objectives("macs") == ParseError("val_accuracy comes first, got macs")
    assert "did you mean 'parameters'" in objectives("val_accuracy,params").problem
    assert "once" in objectives("val_accuracy,val_accuracy").problem


@pytest.mark.parametrize("text", ["1,5", "1,2", "0,5", "1,00", "1,0000", ",1", "1,000,00"])
def test_a_comma_that_parts_no_thousands_is_neither_dropped_nor_a_point(text: str) -> None:
    assert isinstance(at_least(0)(text), ParseError)
    assert isinstance(above_zero()(text), ParseError)
    assert above_zero()("1,500.5") == 1500.5


def test_a_number_has_a_most_where_more_means_nothing() -> None:
    assert at_least(0, 1000)("1000") == 1000
    expected = "takes a whole number from 0 to 1,000, got '1001'"
    assert at_least(0, 1000)("1001") == ParseError(expected)


@pytest.mark.parametrize(
    "value", [1, -2, 0.1, 1e-05, 1e16, True, False, None, "none", "True", "1", "1e3", "0x1", "nan",
              "00123", "'1'", "a b", "ä", "-x", "it's", "1_0"]
)  # fmt: skip
def test_what_is_written_is_read_as_the_same_value(value) -> None:
    again = scalar(written(value))
    assert (type(again), again) == (type(value), value)


@pytest.mark.parametrize("text", ["1,000", "1_000", "1000", " 1000"])
def test_a_whole_number_is_written_alike_in_every_option(text: str) -> None:
    assert at_least(1)(text) == kept()(text) == share()(text) == above_zero()(text) == 1000


@pytest.mark.parametrize("text", ["-1", "1e3", "0x10", "some", ""])
def test_how_many_are_kept_is_named_or_counted(text: str) -> None:
    assert kept()(text) == ParseError(f"takes all, front or a whole number, got {text!r}")
