"""What went wrong with an attempt, and what to do about it."""

from __future__ import annotations

import builtins
import errno
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.record.rows import FailureKind
from trainables.text.error_words import error_text
from tune_app.record.history import LOST, WAITED_FOR, TrialHistory

_NAMES: dict[str, FailureKind] = {
    "OutOfMemoryError": "out_of_memory",  # torch.cuda's; Ray's has LOW_MEMORY in its text
    "MemoryError": "out_of_memory",
    "DeviceMemoryError": "out_of_memory",  # trainables.training.job's, with peak and free memory
    "NodeDiedError": "lost_node",
    "ActorDiedError": "lost_worker",
    "ActorUnavailableError": "lost_worker",
    "RayActorError": "lost_worker",
    "WorkerCrashedError": "lost_worker",
    "OwnerDiedError": "lost_node",
    "ObjectLostError": "lost_node",
    "UnfitNodeError": "unfit_node",  # trainables.training.job's
    "StorageError": "storage",  # trainables.training.checkpoints.checkpoint_store's
    "HostLeavingError": "drained_node",  # trainables.training.job's
}
LOW_MEMORY = "running low on memory"
_WORDS: tuple[tuple[str, FailureKind], ...] = (
    (LOW_MEMORY, "low_memory"),  # before "out of memory", which it says as well
    ("out of memory", "out_of_memory"),
    ("can't allocate memory", "out_of_memory"),
    ("No space left on device", "full_disk"),
    ("os error 28", "full_disk"),  # how Rust libraries put it (safetensors)
    ("Disk quota exceeded", "full_disk"),
    ("node has crashed", "lost_node"),
    ("its node has died", "lost_node"),
    ("node was terminated", "lost_node"),
    ("owner has died", "lost_node"),
    ("actor died", "lost_worker"),
    ("worker died", "lost_worker"),
)
_SETUP = "error raised in its creation task"
"""How Ray reports an exception in a trial's set-up: as a dead actor."""
_NOT_IMPORTED = re.compile(r"^RuntimeError: The actor with name \w+ failed to import", re.MULTILINE)
"""Ray's words for a node that lacks this project, before the error of the import itself."""
_HOPELESS = re.compile(
    r"^(?:[\w.]+\.)?(?:ConfigError|DatasetError|UsageError|WeightsError|CheckpointError)(?::|$)",
    re.MULTILINE,
)
"""Errors of what a trial trains: its keys, images, weights, starting point. Its own checkpoints are
passed over where they are damaged, and an UnreachableCheckpointError may be gone in a while."""
_OF_THE_CODE = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError),
    *(SyntaxError, TypeError, ValueError, Warning),
)
"""Python's own errors that are no machine's, whatever words a program puts into them."""
_MOST_TEXT = 20_000
_MOST_SUMMARY = 500
"""Characters that are kept of an error's text, and shown of its last line."""
_NODE_WORDS = ("its node has died", "node was terminated", "node has crashed", "owner has died")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt: its kind and the traceback."""

    kind: FailureKind
    error: str

    @property
    def is_hopeless(self) -> bool:
        """Whether every attempt would end alike: the configuration or the data are wrong."""
        return self.kind == "exception" and bool(_HOPELESS.search(self.error))

    @property
    def summary(self) -> str:
        """The last line of the traceback that says something."""
        return last_line(self.error) or self.kind


def last_line(error: str) -> str:
    """The last line of a traceback that says something; "" where none does."""
    lines = (line.strip() for line in reversed(error.splitlines()))
    said = next((line for line in lines if any(map(str.isalnum, line))), "")
    return said if len(said) <= _MOST_SUMMARY else f"{said[:_MOST_SUMMARY]}…"


def classify(error: BaseException) -> Failure:
    """Names the kind of failure, looking through the wrappers that Ray puts around an error."""
    text = "".join(traceback.format_exception(error)) if error.__traceback__ else error_text(error)
    return Failure(_kind(error, text), _for_the_record(text))


def _kind(error: BaseException, text: str) -> FailureKind:
    for cause in _causes(error):
        said = error_text(cause)
        if type(cause).__module__ == "builtins" and isinstance(cause, _OF_THE_CODE):
            return "exception"
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return "full_disk"
        if getattr(cause, "preempted", False):  # Ray's, of an actor whose node was drained
            return "drained_node"
        if _SETUP in said:
            return _kind_in_text(text)
        if LOW_MEMORY in said:
            return "low_memory"
        for kind in type(cause).__mro__:
            if kind.__name__ in _NAMES:
                return _node_or_worker(_NAMES[kind.__name__], said)
        if (kind_by_text := _kind_in_text(said)) != "exception":
            return kind_by_text
    return "exception"


def _for_the_record(text: str) -> str:
    """What a record can hold of a text: UTF-8, and both ends where it is too long to be read."""
    text = text.encode("utf-8", "backslashreplace").decode()
    half = _MOST_TEXT // 2
    return text if len(text) <= _MOST_TEXT else f"{text[:half]}\n…\n{text[-half:]}"


def classify_text(text: str) -> Failure:
    """The same for an error of which only the text is left."""
    return Failure(_kind_in_text(text), _for_the_record(text))


def _kind_in_text(text: str) -> FailureKind:
    text = text.rpartition(_SETUP)[2]  # all of it where nothing went wrong in a set-up
    text = re.sub(r"^[ \t].*", "", text, flags=re.MULTILINE)  # files and lines of a traceback
    if _NOT_IMPORTED.search(text):
        return "unfit_node"
    raised = re.findall(r"^(?:[\w.]+\.)?(\w+)(?:: |$)", text, re.MULTILINE)
    last = getattr(builtins, raised[-1], None) if raised else None
    if isinstance(last, type) and issubclass(last, _OF_THE_CODE):
        return "exception"
    error_names = set(raised) & _NAMES.keys()
    by_name = next((kind for name, kind in _NAMES.items() if name in error_names), None)
    by_words = next((kind for words, kind in _WORDS if words in text), None)
    return by_words or by_name or "exception"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The innermost first: what happened, then who passed it on."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = getattr(current, "cause", None) or current.__cause__
    yield from reversed(chain)


def _node_or_worker(kind: FailureKind, said: str) -> FailureKind:
    lost_with_node = kind == "lost_worker" and any(words in said for words in _NODE_WORDS)
    return "lost_node" if lost_with_node else kind


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Who gets another attempt.

    ``max_failures``: exceptions and time-outs of one trial. ``max_lost``: workers or nodes that one
    trial lost in a row without finishing an epoch (a trial that kills its worker is told from bad
    luck this way). ``memory_tiers``: shares to try after running out of memory.
    """

    max_failures: int = 2
    max_lost: int = 5
    memory_tiers: int = 2

    def retries(self, trial: TrialHistory, kind: FailureKind) -> bool:
        """Whether the trial gets another attempt after failing once more with ``kind``."""
        if kind in (*WAITED_FOR, "unfit_node"):
            return True
        if kind == "out_of_memory":
            return trial.failures[kind] < self.memory_tiers
        if kind in LOST:
            return trial.fruitless < self.max_lost
        return trial.failures["exception"] + trial.failures["timeout"] < self.max_failures
