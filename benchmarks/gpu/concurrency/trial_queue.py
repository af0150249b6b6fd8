"""Whole trials in their order, several at a time, each in a process of its own. No Ray."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import torch

from benchmarks.gpu.hosvd import stand_in_for_tntorch
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Postponed
from benchmarks.gpu.whole_run import train
from trainables.config.train_config import TrainConfig

LEAST_SECONDS = 15.0
"""With less than that left no trial is begun."""


class TrialQueue:
    """Begins nothing before the first result is asked for; a context, which ends its processes."""

    def __init__(self, setting: Setting, configs: Sequence[TrainConfig], *, together: int) -> None:
        self._setting = dataclasses.replace(setting)  # without the images: each process reads them
        self._configs = configs
        self._together = together
        self._executor: ProcessPoolExecutor | None = None
        self._futures: dict[TrainConfig, Future] = {}

    def __enter__(self) -> TrialQueue:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def result(self, config: TrainConfig) -> dict[str, Any]:
        """What a trial came to.

        Raises:
            Postponed: the deadline came before its end; a checkpoint is kept.
        """
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._together, multiprocessing.get_context("spawn"), initializer=_prepare
            )
            submit = self._executor.submit
            self._futures = {one: submit(_run, self._setting, one) for one in self._configs}
        found = self._futures[config].result()
        if found is None:
            raise Postponed
        return found


def _prepare() -> None:
    threading.Thread(target=_end_with_the_stage, daemon=True).start()
    torch.set_num_threads(1)
    stand_in_for_tntorch()


def _end_with_the_stage() -> None:
    """An executor's process would wait for work for ever, and keep its part of the card."""
    stage = multiprocessing.parent_process()
    assert stage is not None
    stage.join()
    os._exit(1)


@functools.cache
def _with_images(setting: Setting) -> Setting:
    """The setting that this process keeps, so that it reads the images once."""
    return setting


def _run(setting: Setting, config: TrainConfig) -> dict[str, Any] | None:
    """One trial; None where there was no time for it."""
    setting = _with_images(setting)
    if setting.deadline.left < LEAST_SECONDS:
        return None
    try:
        trainer = train(config, setting)
    except Postponed:
        return None
    history = trainer.history
    return {
        "trial_id": trainer.trial_id,
        "epochs": len(history),
        "seconds": sum(metrics.train_seconds + metrics.eval_seconds for metrics in history),
        "validation_accuracy": history[-1].val_accuracy,
    }
