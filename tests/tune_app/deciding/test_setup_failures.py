"""An exception in a trial's set-up is an exception, and a wrong configuration has one attempt."""

import pytest

from tune_app.deciding.failures import classify, classify_text

DIED = "The actor died because of an error raised in its creation task, ray::Worker.__init__()\n"


class ActorDiedError(Exception):
    """As Ray names it."""


@pytest.mark.parametrize(
    ("last", "kind", "hopeless"),
    [
        ("ValueError: 3 channels wanted", "exception", False),
        ("trainables.config.train_config.ConfigError: width must lie in [1, 8]", "exception", True),
        ("trainables.data.sources.DatasetError: a.png is damaged", "exception", True),
        ("DeviceMemoryError: out of device memory: 3 GiB", "out_of_memory", False),
    ],
)
def test_a_setup_that_fails_is_told_by_what_it_raised(last, kind, hopeless):
    text = f'ray.exceptions.ActorDiedError: {DIED}  File "x.py", line 3, in setup\n{last}\n'
    for failure in (classify_text(text), classify(ActorDiedError(text))):
        assert (failure.kind, failure.is_hopeless) == (kind, hopeless)
        assert failure.summary == last


def test_a_worker_that_died_is_still_lost():
    died = classify(ActorDiedError("The actor died unexpectedly before finishing this task"))
    assert (died.kind, died.is_hopeless) == ("lost_worker", False)
