"""The names that help and plan know are those that searchers and schedulers answer to."""

from tune_app.command.choices import SCHEDULER_CHOICES, SEARCH_CHOICES, STOPPING
from tune_app.deciding.schedulers import SCHEDULERS
from tune_app.deciding.searchers import SEARCHERS


def test_every_search_that_can_be_chosen_is_implemented_and_the_other_way_round() -> None:
    assert set(SEARCH_CHOICES) == set(SEARCHERS)


def test_every_scheduler_that_can_be_chosen_is_implemented_and_the_other_way_round() -> None:
    assert set(SCHEDULER_CHOICES) == set(SCHEDULERS)
    assert set(SCHEDULERS) - {"none"} == STOPPING
