"""The look of a family, the same in all charts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """The look of one series; shape and dash tell series apart in a grey print."""

    colour: str
    shape: str
    dash: tuple[int, ...] = ()  # lengths of strokes and gaps in pixels; () is a solid line


STAR = "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z"
"""A five-pointed star as an SVG path, since all named shapes are taken."""
