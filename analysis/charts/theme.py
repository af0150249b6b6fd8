"""The theme of all charts: colours for colour-blind readers too, shapes and dashes.

Hues follow Okabe and Ito (2008), darkened where needed for a contrast of 3 : 1 on white. Charts are
drawn in the light colours; ``DARK`` has the colour of each on a dark page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import altair as alt

from analysis.record.status import TrialStatus
from trainables.sizes.registry import SIZES
from trainables.sizes.style import Style

INK = "#1f2328"
MUTED = "#59636e"
FAINT = "#afb8c1"
GRID = "#e8eaed"
PAPER = "#ffffff"
WARN = "#b3261e"

DARK = {
    INK: "#e6edf3",
    MUTED: "#9198a1",
    FAINT: "#59616b",
    GRID: "#272d35",
    PAPER: "#0f141a",
    WARN: "#ff8a80",
    "#0072b2": "#58a6ff",
    "#c44e00": "#ff9351",
    "#008a64": "#3ccf9f",
    "#a8478a": "#e69bd0",
    "#8a6d00": "#e3b341",
    "#2b8cbe": "#8cd0f5",
    "#5b4bb5": "#b0a5f5",
    "#6b7300": "#c5cc4d",
    "#86b9dc": "#2f5f8f",
}
"""Light colour → its counterpart on a dark page, for every colour of the charts."""


FAMILIES = {name: family.style for name, family in SIZES.items()}
"""The style of each family, the same in every chart and every study."""

SERIES = tuple(family.style for family in SIZES.values() if family.ranked)
"""Styles for other series: treatments, statuses, an unlisted family."""

STATUS_COLOURS = {
    TrialStatus.FINISHED: "#0072b2",
    TrialStatus.STOPPED: FAINT,
    TrialStatus.RUNNING: "#86b9dc",
    TrialStatus.DIVERGED: "#c44e00",
    TrialStatus.FAILED: "#a8478a",
    TrialStatus.INTERRUPTED: "#8a6d00",
    TrialStatus.NEVER_RAN: GRID,
}

HEAT = "viridis"
"""The colour scale for amounts, with even steps in lightness, so that it works in grey."""

CROSS = "M-1,-1L1,1M-1,1L1,-1"
"""An SVG path: a cross for trials that were stopped."""

RIMLESS = {"symbolStrokeWidth": 0}
"""For a legend of points with a rim in the colour of the paper, which covers small symbols."""

CLOSE = alt.Legend(offset=12)
"""The legend of a chart whose y axis has no title above it."""

WIDTH, HEIGHT = 640, 360  # pixels of the plot; a page stretches it to the width of its column

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

CONFIG = {
    "background": PAPER,
    "font": FONT,
    "padding": 8,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": GRID,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "labelPadding": 6,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": 600,
        "titlePadding": 10,
    },
    "axisX": {"labelFlush": False},
    "axisY": {
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "end",
        "titleBaseline": "bottom",
        "titleX": 0,
        "titleY": -10,
    },
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "title": None,
        "labelColor": INK,
        "labelFontSize": 12,
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "columnPadding": 18,
        "offset": 34,
        "symbolBaseStrokeColor": MUTED,
        "symbolBaseFillColor": PAPER,
        "labelLimit": 240,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "labelFontWeight": 600, "title": None},
    "title": {
        "anchor": "start",
        "frame": "group",
        "color": INK,
        "fontSize": 17,
        "fontWeight": 600,
        "subtitleColor": MUTED,
        "subtitleFontSize": 12,
        "subtitlePadding": 6,
        "offset": 18,
    },
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": MUTED},
    "line": {"strokeWidth": 2, "strokeJoin": "round"},
    "point": {"filled": True, "size": 60},
}


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each name, in the order of ``FAMILIES`` and then as they come."""
    series = dict.fromkeys(names)
    families = [name for name in FAMILIES if name in series]
    others = [name for name in series if name not in FAMILIES]
    used = {FAMILIES[name] for name in families}
    free = [style for style in SERIES if style not in used] or list(SERIES)
    return {
        **{name: FAMILIES[name] for name in families},
        **{name: free[i % len(free)] for i, name in enumerate(others)},
    }


def scale(styles: Mapping[str, Style], channel: Literal["colour", "shape", "dash"]) -> alt.Scale:
    """One channel of the look of each series; a solid line is a dash without gaps."""
    looks = [getattr(style, channel) or [1, 0] for style in styles.values()]
    return alt.Scale(domain=list(styles), range=looks)
