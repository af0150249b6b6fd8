"""docs/layers.md says what the code counts."""

from benchmarks.layers_page import FORMULAS, PAGE, page
from trainables.sizes.registry import SIZES


def test_every_family_has_its_formulas_on_the_page() -> None:
    assert list(FORMULAS) == list(SIZES)


def test_the_committed_page_is_what_its_command_writes() -> None:
    assert PAGE.read_text() == page(), "run python -m benchmarks.layers_page"
