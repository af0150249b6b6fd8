"""The one door between training and Ray: a Tune Trainable around the Trainer."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import logging
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ray import tune

from trainables.config.metrics import EpochMetrics
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.training.checkpoint import CheckpointError
from trainables.training.checkpoint_store import CheckpointName, CheckpointStore, Poll
from trainables.training.job import TrialJob
from trainables.training.trainer import Diverged, Trainer

WORST_SCORE = 0.0
"""An accuracy: what a trial gets that diverged, or that was not evaluated yet. Never NaN, which no
scheduler stops."""

log = logging.getLogger("trainables.worker")


class DeviceMemoryError(RuntimeError):
    """The trial does not fit its share of the device."""


def score(metrics: EpochMetrics) -> float:
    """What searchers and schedulers go by: accuracy on the held-out images, else on the test
    set."""
    for accuracy in (metrics.val_accuracy, metrics.test_accuracy):
        if accuracy is not None:
            return accuracy
    return WORST_SCORE


class CifarTrainable(tune.Trainable):
    """One trial in a Ray worker. Its configuration is a ``TrialJob`` as a dict.

    The data set comes by ``tune.with_parameters(CifarTrainable, data=dataset)`` and stays in the
    worker; without it, the worker reads it from ``data_dir``. ``setup`` only reads: with reused
    actors another one may have gone on with the trial. The time attribute is ``epoch``, since
    ``training_iteration`` starts again with each attempt.

    Each result has the fields of the last ``EpochMetrics``, ``epochs`` (all of the step's, as
    dicts), ``score``, ``trial``, ``attempt``, ``done``, ``diverged``, ``interrupted``,
    ``host``, ``device``. A trial that diverged or was interrupted reports ``epoch`` and ``score``
    without an epoch's metrics.
    """

    _trainer: Trainer
    _reported: int  # epochs that the driver knows of
    _saved_batch: int  # of the epoch in progress, when it was last saved

    def setup(self, config: dict[str, Any], data: Dataset | None = None) -> None:
        """Builds the trainer and goes on from the trial's furthest checkpoint that is whole."""
        self._data = data
        self._handler: logging.FileHandler | None = None
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Becomes another trial, as if freshly made."""
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Reports an epoch that the driver does not know of, or trains on."""
        trainer = self._trainer
        if self._reported < trainer.epochs_done:
            self._reported += 1
            return self._result(trainer.history[self._reported - 1 : self._reported])
        if trainer.finished:  # and every epoch is known: nothing is left to do
            return self._result(trainer.history[-1:])
        with self._explained():
            return self._train()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Tune's own checkpoints, for schedulers that pause trials."""
        self._trainer.save(Path(checkpoint_dir) / "trial")

    def load_checkpoint(self, checkpoint: str) -> None:
        """Goes on from Tune's own checkpoint."""
        self._trainer.load(Path(checkpoint) / "trial")
        self._reported = self._trainer.epochs_done

    def cleanup(self) -> None:
        """Closes the trial's log."""
        self._log_to(None)

    def _start(self, config: dict[str, Any]) -> None:
        self._job = job = TrialJob.from_dict(config)
        self._log_to(job.worker_log)
        settings = TrainConfig.from_trial(job.config)
        if self._data is None:
            self._data = load_dataset(
                settings.dataset, Path(job.data_dir) if job.data_dir else None
            )
        self._device = "cuda" if job.device_fraction > 0 and torch.cuda.is_available() else "cpu"
        if hasattr(self, "_trainer"):
            del self._trainer  # frees the last trial's memory before the next one takes its own
        with self._explained():
            self._trainer = Trainer(settings, self._data, device=self._device, threads=job.threads)
        if self._trainer.trial_id != job.trial_id:
            raise ConfigError(
                [f"this configuration is trial {self._trainer.trial_id}, not {job.trial_id}"]
            )
        self._store = CheckpointStore(job.storage, job.trial_id)
        self._stop_requested = Poll(
            self._store.stop_requested, 1.0 if "://" not in job.storage else 5.0
        )
        self._restore()
        self._reported = min(job.known_epochs, self._trainer.epochs_done)
        self._saved_at = time.monotonic()
        log.info(
            "attempt %d starts after epoch %d on %s",
            job.attempt,
            self._trainer.epochs_done,
            self._device,
        )

    def _restore(self) -> None:
        for name in self._store.names():
            try:
                with self._store.read(name) as folder:
                    self._trainer.load(folder)
            except (CheckpointError, OSError) as problem:
                log.warning("checkpoint %s is passed over: %s", name, problem)
            else:
                log.info("goes on from checkpoint %s", name)
                return

    def _train(self) -> dict[str, Any]:
        """Trains to the next report."""
        done: list[EpochMetrics] = []
        for _ in range(self._job.epochs_per_step):
            try:
                metrics = self._train_epoch()
            except Diverged as problem:
                return self._diverged(done, problem)
            if metrics is None:
                return self._interrupted(done)
            done.append(metrics)
            if metrics.epoch == self._trainer.config.epochs:
                self._save()
                break
        self._reported = self._trainer.epochs_done
        return self._result(done)

    def _train_epoch(self) -> EpochMetrics | None:
        """Trains one epoch, saving on the way when it is long; None when a stop was requested."""
        self._saved_batch = self._trainer.batches_done
        with self._deadline():
            while (metrics := self._trainer.train_epoch(self._pauses)) is None:
                self._save()
                if self._stop_requested():
                    return None
        log.info(
            "attempt %d epoch %d train_loss %.4f score %.4f in %.2f s",
            self._job.attempt,
            metrics.epoch,
            metrics.train_loss,
            score(metrics),
            metrics.train_seconds + metrics.eval_seconds,
        )
        if self._save_is_due() and metrics.epoch < self._trainer.config.epochs:
            self._save()
        return metrics

    def _pauses(self) -> bool:
        advanced = self._trainer.batches_done > self._saved_batch  # or saving would be all it does
        return self._stop_requested() or (advanced and self._save_is_due())

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._job.checkpoint_seconds

    def _save(self) -> None:
        trainer = self._trainer
        name = CheckpointName(trainer.epochs_done, trainer.batches_done, self._job.attempt)
        self._store.write(name, trainer.save)
        self._prune(name)
        self._saved_at, self._saved_batch = time.monotonic(), trainer.batches_done
        log.info("saved checkpoint %s", name)

    def _prune(self, last: CheckpointName) -> None:
        """Removes older checkpoints of the trial, but for the one of its best epoch."""
        scores = [score(metrics) for metrics in self._trainer.history]
        older = [
            name for name in self._store.names() if name < last and name.attempt <= last.attempt
        ]
        best = max((name for name in (last, *older) if name.epoch and not name.batch),
                   key=lambda name: scores[name.epoch - 1], default=last)  # fmt: skip
        for name in older:
            if name != best:
                self._store.remove(name)

    def _diverged(self, done: list[EpochMetrics], problem: Diverged) -> dict[str, Any]:
        log.warning("%s", problem)
        values = {"epoch": problem.epoch, "score": WORST_SCORE}
        return self._outcome(done, **values, diverged=True, done=True)

    def _interrupted(self, done: list[EpochMetrics]) -> dict[str, Any]:
        history = self._trainer.history
        last = score(history[-1]) if history else WORST_SCORE
        log.info("interrupted after epoch %d, batch %d", len(history), self._trainer.batches_done)
        return self._outcome(done, epoch=len(history), score=last, interrupted=True, done=True)

    def _result(self, metrics: list[EpochMetrics]) -> dict[str, Any]:
        last = metrics[-1]
        ends = last.epoch >= self._trainer.config.epochs
        return {
            **dataclasses.asdict(last),
            **self._outcome(metrics, epoch=last.epoch, score=score(last), done=ends),
        }

    def _outcome(self, metrics: list[EpochMetrics], **values: Any) -> dict[str, Any]:
        return {
            "epochs": [dataclasses.asdict(one) for one in metrics],
            "trial": self._job.trial_id,  # Ray overwrites "trial_id" with its own
            "attempt": self._job.attempt,
            "diverged": False,
            "interrupted": False,
            "host": socket.gethostname(),
            "device": torch.cuda.get_device_name() if self._device == "cuda" else "cpu",
            **values,
        }

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[None]:
        """Ends the process, stacks in its log, when the epoch takes too long: a hung device
        answers no exception."""
        if self._job.epoch_deadline_seconds is None:
            yield
            return
        file = self._handler.stream if self._handler else sys.__stderr__
        assert file is not None
        faulthandler.dump_traceback_later(self._job.epoch_deadline_seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Says what a device that is out of memory was asked for."""
        try:
            yield
        except torch.OutOfMemoryError as problem:
            free, total = torch.cuda.mem_get_info()
            peak = torch.cuda.max_memory_allocated()
            raise DeviceMemoryError(
                f"out of device memory: {self._job.trial_id} with {self._job.device_fraction:g} of "
                f"a GPU reached a peak of {peak / 2**30:.2f} GiB, {free / 2**30:.2f} of "
                f"{total / 2**30:.2f} GiB are free; give each trial a larger --gpus-per-trial, or "
                "lower batch_size or width"
            ) from problem

    def _log_to(self, path: str | None) -> None:
        logger = logging.getLogger("trainables")
        if self._handler is not None:
            logger.removeHandler(self._handler)
            self._handler.close()
            self._handler = None
        if path is not None:
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                self._handler = logging.FileHandler(path, encoding="utf-8")
            except OSError:  # another machine's folder: a trial does not fail for its log
                return
            self._handler.setFormatter(logging.Formatter("%(asctime)s pid %(process)d %(message)s"))
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
