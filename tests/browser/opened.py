"""A page that is open in the browser."""

from __future__ import annotations

from playwright.sync_api import Page, Request

PATIENCE = 180_000
"""Milliseconds that a busy machine may take to draw a page."""


class Opened:
    """A page, and what it complained of or asked the network for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"asked for {request.url}")

    def wait(self) -> None:
        """Until every chart is drawn."""
        drawn = "!document.querySelector('[data-chart]') || document.documentElement.dataset.drawn"
        self.page.wait_for_function(drawn)
