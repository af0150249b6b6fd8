"""Writes pictures in a separate process, while the caller continues.

vl-convert holds the interpreter's lock while it draws; fifteen charts of a large study take
seconds. ``python -m analysis.charts.pictures`` reads one JSON line per picture and writes
``stem``.svg and, from that, ``stem``.png.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import vl_convert

from trainables.config.installation import child_environment
from trainables.files.whole_file import write_whole

VEGA_LITE = "6.4"
"""Altair's version, repeated here: importing Altair takes longer than starting the engine."""
SCALE = 2.0
"""Pixels of a PNG per pixel of the chart."""

NOTHING = {"data": {"values": []}, "mark": "point"}
"""Drawn first, so that the engine starts (a second) while the first chart is made."""


class Pictures:
    """A context at whose end all requested pictures are written."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(1)  # so that a full pipe does not block the caller

    def __enter__(self) -> Pictures:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "analysis.charts.pictures"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=child_environment(),
            process_group=0,  # Ctrl-C is not for it: a search writes its report after one
        )
        return self

    def ask(self, spec: dict[str, Any], stem: Path) -> None:
        """Requests a Vega-Lite specification as ``stem``.svg and ``stem``.png."""
        line = json.dumps({"spec": spec, "stem": str(stem)})
        self._writer.submit(self._send, line)

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
        except BrokenPipeError:
            # the process has ended; the reason is raised at the end of the context
            self._process.poll()

    def __exit__(self, kind: type[BaseException] | None, *others: object) -> None:
        if kind is not None:
            self._process.kill()
        self._writer.shutdown()
        _, errors = self._process.communicate()
        if kind is None and self._process.returncode:
            told = errors.partition("==== C stack trace")[0].strip("\n #")  # of a crash of V8
            logging.getLogger(__name__).error("some pictures could not be drawn:\n%s", told)


def write_pictures(lines: IO[str]) -> int:
    """Draws the picture of each line; returns the number of failures."""
    vl_convert.vegalite_to_svg(NOTHING, vl_version=VEGA_LITE)
    failed = 0
    for line in lines:
        request = json.loads(line)
        try:
            _write(request["spec"], Path(request["stem"]))
        except (ValueError, OSError) as problem:
            print(f"{request['stem']}: {problem}", file=sys.stderr)
            failed += 1
    return failed


def _write(spec: dict[str, Any], stem: Path) -> None:
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    write_whole(stem.with_suffix(".svg"), svg)
    write_whole(stem.with_suffix(".png"), vl_convert.svg_to_png(svg, scale=SCALE))


if __name__ == "__main__":
    sys.exit(1 if write_pictures(sys.stdin) else 0)
