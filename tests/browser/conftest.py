"""Debian's chromium, driven by Playwright; reports of fixture studies, written once."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from analysis.report.report import write_report
from analysis.study.study import load_study
from tests.analysis.studies import STUDIES
from tests.browser.opened import Opened

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; skipped where there is none, but in CI."""
    path = shutil.which("chromium")
    if path is None:
        said = "no chromium on this machine: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Opened]]:
    """``open_page(path)`` opens a file in a fresh window; options go to the window."""
    windows = []

    def opened(path: Path, **options) -> Opened:
        window = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        windows.append(window)
        page = Opened(window.new_page())
        page.page.goto(path.as_uri())
        page.wait()
        return page

    yield opened
    for window in windows:
        window.close()


@pytest.fixture(scope="session")
def report_path(tmp_path_factory) -> Callable[[str], Path]:
    """The page of a named fixture study."""
    root = tmp_path_factory.mktemp("reports")

    @functools.cache
    def path(name: str) -> Path:
        return write_report(load_study(STUDIES[name](root / name)))

    return path
