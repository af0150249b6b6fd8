"""TensorBoard itself, serving a study's event files to a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

import pytest

from analysis.study.study import load_study
from analysis.tensorboard.writer import write_tensorboard
from tests.analysis.studies import STUDIES

pytestmark = pytest.mark.browser

READY_SECONDS = 180


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    """Where a TensorBoard on this machine serves the twelve trials' event files."""
    study = load_study(STUDIES["twelve"](tmp_path_factory.mktemp("study") / "twelve"))
    folder = write_tensorboard(study)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--load_fast", "false"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(READY_SECONDS, server.kill)
    timer.start()
    try:
        said = ""
        for line in server.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                timer.cancel()
                yield found[0]
                break
        else:
            pytest.fail(f"TensorBoard did not start:\n{said}")
    finally:
        timer.cancel()
        server.kill()
        server.wait()


def test_the_hparams_page_lists_every_trial_with_its_searched_keys(browser, address):
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(180_000)
    page.goto(f"{address}#hparams")
    page.wait_for_function(_sees("validation accuracy"))
    text = page.evaluate(_ALL_TEXT)
    for words in ("layer", "rank", "seed", "validation accuracy", "parameters"):
        assert words in text
    for family in ("dense", "separable", "low_rank", "tensor_train"):
        assert family in text
    assert "batch_size" not in text
    page.close()


_ALL_TEXT = """(() => {
  const texts = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) texts.push(node.textContent);
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.childNodes ?? []) walk(child);
    if (node.tagName === "IFRAME" && node.contentDocument) walk(node.contentDocument);
  };
  walk(document);
  return texts.join(" ");
})()"""
"""The words on a page, within shadow roots too."""


def _sees(words: str) -> str:
    return f"{_ALL_TEXT}.includes({words!r})"
