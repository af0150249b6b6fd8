"""Which checkpoints stay when a run ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from analysis.record.status import TrialStatus
from analysis.study.size_steps import size_step
from trainables.files.filesystem import filesystem, list_folder
from trainables.training.checkpoints.time_limit import within
from tune_app.command.options import KEPT_WHEN_FINISHED
from tune_app.record.history import Contender, History, best_on_record, contenders, final_score
from tune_app.record.storage import ANSWER_SECONDS


def surplus(
    history: History,
    keep: int | str = KEPT_WHEN_FINISHED,
    limits: Mapping[str, float] = MappingProxyType({}),
    there: Container[str] = (),
) -> list[str]:
    """Trials that will never go on and whose checkpoints may go.

    Several rankings count: single runs, configurations by the mean over their runs, the estimated
    ones, which alone are on a report's front, and of both those with enough runs to be named as the
    best beside others. Of each the front of accuracy over parameters and multiply-adds stays, so
    that the best within any limits is there, and the most accurate one of each step of size. So do
    the best (within ``limits``, see ``best_on_record``) and the ``keep`` most accurate runs.
    ``keep`` is also "front" (none besides) or "all". A configuration that has risen with more
    seeds keeps its best run of those that are ``there`` still, with a checkpoint. A stopped or
    interrupted trial keeps its own, so that the study can grow.
    """
    diverged = history.with_status(TrialStatus.DIVERGED)
    finished = history.with_status(TrialStatus.FINISHED)
    if keep == "all":
        return diverged
    finished.sort(key=lambda name: final_score(history[name]), reverse=True)
    configurations = contenders(history, there=there)
    estimated = [contender for contender in configurations if contender.is_estimated]
    rankings = [finished, *_rankings(configurations), *_rankings(estimated)]
    retained = {
        *finished[: 0 if isinstance(keep, str) else keep],
        best_on_record(history, limits, there)[1],
        *(name for ranking in rankings for name in _best_of_each_size(history, ranking)),
    }
    return [name for name in finished if name not in retained] + diverged


def _rankings(ranked: Sequence[Contender]) -> Iterator[list[str]]:
    """The trials of contenders, best first: all, and those that compete within some limits.

    Who has too few runs to compete depends on who else is within the limits, see ``competing``.
    """
    for most in {contender.runs for contender in ranked}:
        yield [contender.trial_id for contender in ranked if contender.runs >= most / 2]


def _best_of_each_size(history: History, ranking: Iterable[str]) -> Iterator[str]:
    """Of trials, best first: those that no better one fits under, and the first of each size step.

    One fits under another that has at least as many parameters and multiply-adds.
    """
    front: list[tuple[int, float]] = []
    steps: set[tuple[int, int]] = set()
    for name in ranking:
        if (planned := history[name].planned) is None:
            continue
        step, parameters, macs = size_step(planned.parameters), planned.parameters, planned.macs
        on_front = not any(size <= parameters and work <= macs for size, work in front)
        if on_front or step not in steps:
            yield name
        if on_front:
            front.append((parameters, macs))
        steps.add(step)


def remove_checkpoints(
    storage: str, surplus_of: Callable[[Container[str]], Iterable[str]]
) -> frozenset[str]:
    """Removes trials' folders under a path or URI; which trials have one after that.

    ``surplus_of`` says which of the trials that have one. Where the storage is away they stay until
    the next run ends.
    """
    there: frozenset[str] = frozenset()
    with contextlib.suppress(OSError):
        system, root = within(ANSWER_SECONDS, partial(filesystem, storage))
        infos = within(ANSWER_SECONDS, lambda: list_folder(system, root))
        there = frozenset(info.base_name for info in infos)
        for trial_id in there.intersection(surplus_of(there)):
            within(ANSWER_SECONDS, partial(system.delete_dir, f"{root}/{trial_id}"))
            there -= {trial_id}
    return there
