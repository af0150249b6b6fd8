"""Plans of spaces, and what refuses one."""

import pytest

from search_spaces.grammar.space import SearchSpace
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan


def plan(space: SearchSpace, **options) -> Plan:
    return make_plan(RunOptions(space=space.name, **options), space)


def refused(space: SearchSpace, **options) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        plan(space, **options)
    return caught.value.problems


def space(keys: dict, **changes) -> SearchSpace:
    return SearchSpace(**{"name": "s", "question": "?", "source": "", "keys": keys, **changes})
