"""How a family looks in charts: everywhere alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How one series looks: hue on a screen, shape and dash in a grey print."""

    colour: str
    shape: str
    dash: tuple[int, ...] = ()  # () is a full line; else lengths of strokes and gaps in pixels


STAR = "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z"
"""A five-pointed star, as an SVG path: of the named shapes every other one is taken."""
