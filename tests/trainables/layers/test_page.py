"""docs/layers.md says what the code counts."""

from benchmarks.layers.page import PAGE, page


def test_the_committed_page_is_what_its_command_writes() -> None:
    assert PAGE.read_text() == page(), "run python -m benchmarks.layers.page"
