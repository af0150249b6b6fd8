"""A small part of ``python -m benchmarks.calibration``: the report is right as often as it says."""

import pytest

from benchmarks.calibration.__main__ import calibrate
from benchmarks.calibration.registry import DESIGNS

QUICK = [name for name, design in DESIGNS.items() if design.fast and not name.startswith("α̂")]
WHOLE_REPORT = (
    "28 ranks, one cell lost two seeds",
    "a collapsed run in a bad configuration",
    "three of five seeds diverged",
    "dims, each family its own effect",
    "smallest, all lose half the margin",
)
"""Designs that ask the report's words; twenty studies of each."""


def missed(name: str, share: float) -> dict[str, dict]:
    """The counted rates that lie beyond what was asked, as far as these studies can tell."""
    rates = calibrate(name, share=share)["rates"]
    return {
        outcome: rates[outcome]
        for outcome, (low, high) in DESIGNS[name].asked.items()
        if not (rates[outcome]["low"] <= high and rates[outcome]["high"] >= low)
    }


@pytest.mark.parametrize("name", QUICK)
def test_the_test_alone_is_right_as_often_as_it_says(name):
    assert missed(name, share=0.25) == {}


@pytest.mark.parametrize("name", WHOLE_REPORT)
def test_the_report_is_right_as_often_as_it_says(name):
    assert missed(name, share=0.1) == {}
