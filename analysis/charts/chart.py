"""What a chart is: a frame of the numbers shown, a picture of that frame, a caption in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

if TYPE_CHECKING:
    from analysis.study.study import Study

Picture: TypeAlias = Any
"""An Altair chart of any kind; its classes have no types that mypy reads."""


class FigureError(ValueError):
    """A chart or a file format that does not exist, or a chart that has nothing to show."""


class NothingToShow(LookupError):  # noqa: N818 (it is no error: there is nothing yet)
    """The study holds nothing for a chart; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Chart:
    """``frame`` raises ``NothingToShow`` where a study has nothing for the chart.

    ``draw`` and ``caption`` see the frame alone: what is drawn can be looked at as numbers. The
    caption says what one mark is, how many there are and what was left out. A ``wide`` one takes
    the whole width of a page.
    """

    title: str
    frame: Callable[[Study], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Picture]
    caption: Callable[[pd.DataFrame], str]
    wide: bool = False
