"""The README says what is so: its commands are understood, its table and its links are current."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.charts.registry import CHARTS
from search_spaces.registry import get_space
from trainables.config.train_config import TrainConfig
from tune_app.command.command_line import parse_options

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"`python run_tune\.py ([^`]+)`", README)
LINKS = re.findall(r"\]\(([^)]+)\)", README)


def test_it_is_short():
    assert README.count("\n") <= 120


def test_it_shows_commands_and_links():
    assert len(COMMANDS) >= 10
    assert len(LINKS) >= 4


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command):
    options = parse_options(shlex.split(command))
    assert options.list_spaces or get_space(options.space).name == options.space


def test_the_network_it_trains_is_one():
    settings = re.search(r"python -m trainables train (--set [^`]+)`", README)[1]
    pairs = [setting.split("=") for setting in re.findall(r"--set (\S+)", settings)]
    raw = {key: float(value) if value[0].isdigit() else value for key, value in pairs}
    assert TrainConfig.from_trial(raw).layer == "tucker"


def test_its_table_of_spaces_is_the_one_that_the_spaces_print():
    printed = subprocess.run(
        [sys.executable, "-m", "search_spaces"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() in README


@pytest.mark.parametrize("link", LINKS)
def test_what_it_links_to_is_there(link):
    assert (ROOT / link).exists()


def test_the_chart_it_exports_is_one():
    (name,) = re.findall(r"python -m analysis figures \S+ (\w+) --format pdf", README)
    assert name in CHARTS
