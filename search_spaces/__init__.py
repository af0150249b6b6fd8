"""The questions a study can ask: spaces, their keys and the domains of those keys.

Example:
    >>> from search_spaces.grammar.grid import grid_points
    >>> from search_spaces.registry import get_space
    >>> points = list(grid_points(get_space("quickstart")))
    >>> len(points), points[2]
    (8, {'layer': 'low_rank', 'rank_scale': 0.25})
"""
