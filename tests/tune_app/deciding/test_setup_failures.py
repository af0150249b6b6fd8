"""An exception of a trial's code is an exception, in its set-up too; a wrong one is tried once."""

import msgspec
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
        ("trainables.networks.weights.WeightsError: weights w.pt are others", "exception", True),
        ("trainables.training.checkpoints.checkpoint.CheckpointError: gone", "exception", True),
        ("x.UnreachableCheckpointError: a cannot be read", "exception", False),
        ("DeviceMemoryError: out of device memory: 3 GiB", "out_of_memory", False),
    ],
)
def test_a_setup_that_fails_is_told_by_what_it_raised(last, kind, hopeless):
    text = f'ray.exceptions.ActorDiedError: {DIED}  File "x.py", line 3, in setup\n{last}\n'
    for failure in (classify_text(text), classify(ActorDiedError(text))):
        assert (failure.kind, failure.is_hopeless) == (kind, hopeless)
        assert failure.summary == last


def test_a_node_that_lacks_the_project_is_unfit_whatever_its_import_raised():
    """As Ray 2.60 writes it."""
    text = (
        f"{DIED}  frame\nRuntimeError: The actor with name ResourceTrainable failed to import on"
        " the worker. This may be because needed library dependencies are not installed in the"
        " worker environment:\n\nray::ResourceTrainable.__init__()\n  frame\n"
        "ModuleNotFoundError: No module named 'tune_app.engine'"
    )
    assert {classify_text(text).kind, classify(ActorDiedError(text)).kind} == {"unfit_node"}


def test_a_worker_that_died_is_still_lost():
    died = classify(ActorDiedError("The actor died unexpectedly before finishing this task"))
    assert (died.kind, died.is_hopeless) == ("lost_worker", False)


class NoWordsError(Exception):
    """As a library's error that fails to describe itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "problem",
    [
        ValueError("the label 'No space left on device' is unknown"),  # retried without an end
        KeyError("the actor died in act 3"),
        AssertionError("running low on memory of words"),
        ImportError("its node has died"),
        NoWordsError("x"),
        SystemExit(3),
        ExceptionGroup("several", [ValueError("out of memory of words")]),
    ],
)
def test_what_a_program_says_in_an_error_of_its_own_is_no_cause(problem):
    with pytest.raises(type(problem)) as raised:
        raise problem
    assert classify(raised.value).kind == "exception"
    text = f"ray.exceptions.ActorDiedError: {DIED}{classify(problem).error}"
    assert classify_text(text).kind == "exception"


def test_a_line_of_code_in_a_traceback_is_no_cause():
    text = (
        'ray::Worker.train()\n  File "net.py", line 3, in forward\n'
        '    raise Odd("No space left on device" if full else "odd")\nnet.Odd: odd\n'
    )
    assert classify_text(text).kind == "exception"
    full = text.replace("net.Odd: odd", "net.Odd: No space left on device")
    assert classify_text(full).kind == "full_disk"


@pytest.mark.parametrize("said", ["x" * 5_000_000, "a\udcff.png", "\n\n +---- \n", ""])
def test_whatever_an_error_says_fits_record_and_terminal(said):
    failure = classify(ValueError(said))
    assert len(failure.error) < 30_000
    assert len(failure.summary) < 600
    assert msgspec.json.encode(failure.error)
