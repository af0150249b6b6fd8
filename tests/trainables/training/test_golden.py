"""A configuration trains to the numbers that its id promised."""

import json

import pytest

from tests.trainables.training.golden import CASES, FILE, numbers
from trainables.config.train_config import RECIPE_VERSION

STORED = json.loads(FILE.read_text())
ADVICE = (
    "the same configuration trains to other numbers than its trials on record: raise RECIPE_VERSION"
    " in trainables/config/train_config.py, then run python -m tests.trainables.training.golden"
)


@pytest.mark.parametrize("case", CASES)
def test_a_few_steps_come_to_the_stored_numbers(case: str, digits) -> None:
    stored = STORED["cases"].get(case)
    assert stored, f"{case} is new: run python -m tests.trainables.training.golden"
    # threads, processors and compiled kernels differ by up to 3e-4, other arithmetic by 1e-2
    assert numbers(case, digits) == pytest.approx(stored, rel=1e-3), ADVICE


def test_the_numbers_are_of_the_present_recipe() -> None:
    assert STORED["recipe"] == RECIPE_VERSION, ADVICE
