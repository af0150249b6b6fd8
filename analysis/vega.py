"""The JavaScript that draws charts in a page, as one text: Vega, Vega-Lite and Vega-Embed.

vl-convert carries them and joins them, which takes seconds; what it gives is kept in the user's
cache folder. Nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import vl_convert

from analysis.charts.figure import VEGA_LITE

SNIPPET = "window.vegaEmbed = vegaEmbed;"


def vega_bundle() -> str:
    """Everything that ``vegaEmbed(element, spec)`` needs, ready for a ``<script>`` tag."""
    path = _cache() / f"vega-{vl_convert.__version__}-{VEGA_LITE}.js"
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    bundle: str = vl_convert.javascript_bundle(SNIPPET, vl_version=VEGA_LITE)
    bundle = bundle.replace("</script", "<\\/script")
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
        _write(path, bundle)
    return bundle


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "ranktune"


def _write(path: Path, text: str) -> None:
    """Whole or not at all: two reports may be written at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(path)
