"""What a plan names as a way in lets a network in."""

import re
from pathlib import Path

import pytest

from search_spaces.registry import SPACES
from tune_app.command.option_parsers import setting
from tune_app.command.options import RunOptions
from tune_app.planning.plan import make_plan
from tune_app.preview.ways_in import ways_in

TRIED = [
    ("equal_budget", {"max_parameters": 20_000}),
    ("equal_budget", {"max_parameters": 20_000, "max_macs": 300_000.0}),
    ("dense", {"max_macs": 500_000.0}),
    ("tucker", {"max_parameters": 15_000}),
    ("cp", {"max_parameters": 5_000}),
    ("low_rank", {"max_parameters": 4_000}),
    ("quickstart", {"max_parameters": 3_000}),
    ("quickstart", {"max_parameters": 3_000, "search": "optuna"}),
    # multiply-adds of a reconstructed kernel are shared by the images of a part of a batch
    ("tucker", {"max_macs": 9e5, "settings": {"batch_size": (96,), "micro_batch": (7,)}}),
    ("tucker", {"max_macs": 9e5, "settings": {"batch_size": (97,), "micro_batch": (3,)}}),
]


def plan(name: str, folder: Path, **options):
    return make_plan(
        RunOptions(space=name, dataset="digits", results_dir=folder, **options), SPACES[name]
    )


@pytest.mark.parametrize(("name", "limits"), TRIED, ids=str)
def test_every_way_in_that_is_named_lets_a_network_in(name, limits, tmp_path):
    refused = plan(name, tmp_path, **limits)
    assert not refused.trials
    lines = ways_in(refused)
    sets = [one for line in lines for one in re.findall(r"^  --set (\w+=[\d.]+)", line)]
    raised = [pair for line in lines for pair in re.findall(r"^  raise --(\S+) to (\d+)$", line)]
    assert sets
    assert raised
    for one in sets:
        settings = limits.get("settings", {}) | dict([setting(one)])
        let_in = plan(name, tmp_path, **limits | {"settings": settings})
        assert let_in.trials or let_in.examples, one
    more = {flag.replace("-", "_"): int(value) for flag, value in raised}
    let_in = plan(name, tmp_path, **{**limits, **more})
    assert let_in.trials or let_in.examples


def test_where_other_families_keep_a_limit_those_that_do_not_are_named(tmp_path):
    settings = {"layer": ("dense", "low_rank")}
    text = "\n".join(ways_in(plan("quickstart", tmp_path, max_parameters=9_000, settings=settings)))
    assert "no dense network is within it" in text


def test_without_a_limit_there_is_nothing_to_say(tmp_path):
    assert ways_in(plan("equal_budget", tmp_path)) == []


@pytest.mark.parametrize("limit", [8.0e5, 8_000_000.0])
def test_a_size_that_is_told_lets_its_network_in_as_a_limit(limit, tmp_path):
    """Of a reconstructed kernel an image has a share, which need not be whole."""
    settings = {"batch_size": (97,), "micro_batch": (3,)}
    refused = plan("tucker", tmp_path, max_macs=limit, settings=settings)
    (nearest,) = re.findall(r"the nearest has ([\d,.]+) multiply-adds", ways_in(refused)[0])
    said = {one for point in refused.infeasible for one in re.findall(r"^[\d,.]+", point.reason)}
    assert nearest in said
    for size in said:
        let_in = plan("tucker", tmp_path, max_macs=float(size.replace(",", "")), settings=settings)
        assert let_in.trials, size


def test_a_limit_is_repeated_with_every_digit(tmp_path):
    for limit, written in ((1e-300, "1e-300"), (0.5, "0.5"), (721_535.5, "721,535.5")):
        lines = ways_in(plan("quickstart", tmp_path, max_macs=limit))
        assert lines[0].startswith(f"--max-macs {written} leaves out ")
