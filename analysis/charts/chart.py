"""The interface of a chart: a frame with its numbers, a picture of that frame, a caption."""

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
    """The study has no data for a chart; the message is a sentence with the reason."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. ``frame`` raises ``NothingToShow`` where a study has no data for it.

    ``draw`` and ``caption`` get only the frame, so that everything drawn is available as numbers.
    The caption tells what one mark is, how many there are and what was left out. A ``wide`` chart
    takes the whole width of a page.
    """

    title: str
    frame: Callable[[Study], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Picture]
    caption: Callable[[pd.DataFrame], str]
    wide: bool = False
