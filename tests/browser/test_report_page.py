"""The report in a real browser: it loads, asks no network, filters, sorts, copies, links."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.report import write_report
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import write_study
from tests.browser.opened import Opened
from trainables.sizes.registry import SIZES

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
"""Where pictures of the pages are left, to be looked at."""
LOOKS = [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")]


@pytest.mark.parametrize("name", ["empty", "one", "twelve", "many"])
def test_a_page_loads_and_fits_at_every_width_in_light_and_dark(open_page, report_path, name):
    """Pages of studies of 0, 1, 12 and 1,000 trials."""
    path = report_path(name)
    assert path.stat().st_size < 10e6
    opened = open_page(path)
    page = opened.page
    SHOTS.mkdir(parents=True, exist_ok=True)
    backgrounds = set()
    for width, scheme in LOOKS[::2] if name == "many" else LOOKS:  # a thousand take their time
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "[...document.querySelectorAll('[data-chart]')].every((plot) =>"
            " Math.abs(plot.getBoundingClientRect().width - plot.dataset.width) <= 4)"
        )
        page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        backgrounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(backgrounds) == 2
    assert opened.complaints == []
    charts = page.locator("[data-chart]")
    assert charts.count() == charts.locator("svg, canvas").count()


BEYOND = """() => [...document.querySelectorAll("[data-chart] .role-legend text")].map((text) =>
    text.getBoundingClientRect().right - text.closest("[data-chart]").getBoundingClientRect().right
)"""


@pytest.mark.parametrize("width", [1200, 390])
def test_the_legend_of_all_families_fits_its_chart(open_page, tmp_path, width):
    configs = [
        {"layer": name, "epochs": 2, "seed": seed, **({"rank": 4} if family.ranked else {})}
        for name, family in SIZES.items()
        for seed in (0, 1)
    ]
    study = load_study(write_study(tmp_path / "families", configs, space=spaces.FAMILIES))
    opened = open_page(write_report(study), viewport={"width": width, "height": 900})
    beyond = opened.page.evaluate(BEYOND)
    assert len(beyond) >= 3 * len(SIZES)
    assert max(beyond) <= 0
    assert opened.complaints == []


@pytest.fixture(scope="module")
def twelve(browser, report_path):
    """The page of twelve trials, opened once: every test leaves it as it found it."""
    allowed = {"permissions": ["clipboard-read", "clipboard-write"]}
    window = browser.new_context(viewport={"width": 1280, "height": 900}, **allowed)
    opened = Opened(window.new_page())
    opened.page.goto(report_path("twelve").as_uri())
    opened.wait()
    yield opened.page
    window.close()
    assert opened.complaints == []


def test_the_filter_filters(twelve):
    page = twelve
    visible = page.locator("#table tbody tr:visible")
    assert visible.count() == 12
    page.fill("#filter", "tensor_train")
    assert visible.count() == 4
    page.fill("#filter", "tensor_train rank>8")
    assert visible.count() == 2
    assert page.locator("#filter-count").inner_text() == "2 of 12 trials"
    page.fill("#filter", "accuracy>=92% parameters<1M")
    assert set(visible.locator("td:nth-of-type(2)").all_inner_texts()) == {"separable"}
    page.fill("#filter", "layer=low")  # equality is of the whole word
    assert visible.count() == 0
    page.fill("#filter", "")
    assert visible.count() == 12


def test_a_click_on_a_heading_sorts_and_another_turns_the_order(twelve):
    head = twelve.locator("#table thead th[data-name=parameters]")
    index = head.evaluate("(head) => head.cellIndex")

    def values() -> list[float]:
        cells = twelve.locator(f"#table tbody tr > :nth-child({index + 1})")
        return cells.evaluate_all("(cells) => cells.map((cell) => Number(cell.dataset.value))")

    head.locator("button").click()
    assert values() == sorted(values(), reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    head.locator("button").press("Enter")  # by keyboard
    assert values() == sorted(values())
    assert head.get_attribute("aria-sort") == "ascending"


def test_a_trial_without_a_value_is_sorted_last_either_way(twelve):
    head = twelve.locator("#table thead th[data-name=rank]")
    index = head.evaluate("(head) => head.cellIndex")
    for _ in range(2):
        head.locator("button").click()
        cells = twelve.locator(f"#table tbody tr > :nth-child({index + 1})").all_inner_texts()
        assert cells[-4:] == ["–"] * 4


def test_the_copy_button_copies_the_command_that_trains(twelve):
    page = twelve
    button = page.locator("table.best .copy").first
    button.click()
    page.wait_for_function("document.querySelector('table.best .copy').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == button.get_attribute("data-copy")
    assert copied.startswith("python -m trainables train --set layer=")


def test_a_picked_trial_is_shown_in_table_bar_and_charts(twelve):
    page = twelve
    curves = page.locator("[data-chart=curves] svg")
    before = curves.inner_html()
    page.locator("#table .pick").nth(3).click()
    trial = page.locator("#table .pick").nth(3).inner_text()
    assert page.locator("#table tr.picked").count() == 1
    assert trial in page.locator("#picked").inner_text()
    page.wait_for_function(
        "(before) => document.querySelector('[data-chart=curves] svg').innerHTML !== before",
        arg=before,
    )
    page.keyboard.press("Escape")
    assert page.locator("#table tr.picked").count() == 0
    assert page.locator("#picked").is_hidden()


def test_a_click_on_a_point_picks_its_trial(twelve):
    page = twelve
    point = page.locator("[data-chart=accuracy_by_parameters] svg .mark-symbol path").first
    point.click(force=True)
    assert page.locator("#table tr.picked").count() == 1
    page.keyboard.press("Escape")


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(open_page, report_path):
    page = open_page(report_path("one")).page
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, [role=img]')].filter((one) =>"
        " !(one.textContent.trim() || one.ariaLabel || one.labels?.length"
        " || one.getAttribute('aria-labelledby'))).length"
    )
    assert nameless == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"


def test_the_theme_button_turns_the_page_dark_and_its_charts_with_it(open_page, report_path):
    page = open_page(report_path("one"), color_scheme="light").page
    svg = "[data-chart=curves] svg"
    assert "#1f2328" in page.locator(svg).inner_html()
    page.click("#theme")
    page.wait_for_function(f"document.querySelector('{svg}')?.innerHTML.includes('#e6edf3')")
    assert "dark" in page.evaluate("document.documentElement.className")
