"""The only module of training that uses Ray: a Tune Trainable around the Trainer."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import logging
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from ray import tune

from trainables.compiled.code_path import code_path
from trainables.config.carried_files import Content, register_starts
from trainables.config.metrics import WORST_SCORE, EpochMetrics, score
from trainables.config.tables import register_tables
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import requested_data
from trainables.training.job import LEAVE_FILE, HostLeavingError, TrialJob
from trainables.training.node_check import check_node
from trainables.training.trainer import Diverged, Trainer
from trainables.training.trial_checkpoints import TrialCheckpoints

WAITING_REPORT_SECONDS = 10.0
"""Seconds between reports of a trained trial whose last checkpoint waits for its storage."""

STOP_UPLOAD_SECONDS = 10.0
"""How long a trial that is asked to stop waits for its storage; its driver waits longer."""

LEAVE_UPLOAD_SECONDS = 60.0
"""How long one whose machine is taken away waits for its storage; the driver does not wait."""

log = logging.getLogger("trainables.worker")


class DeviceMemoryError(RuntimeError):
    """The trial's share of the device's memory is too small."""


def reported_score(metrics: EpochMetrics) -> float:
    """The score for Ray, which needs a number: ``WORST_SCORE`` without an evaluation."""
    value = score(metrics)
    return WORST_SCORE if value is None else value


class CifarTrainable(tune.Trainable):
    """One trial in a Ray worker. Its configuration is a ``TrialJob`` as a dict.

    The data set comes by ``tune.with_parameters(CifarTrainable, data=dataset)`` and stays in the
    worker; without it, the worker reads it from ``data_dir``. ``setup`` only reads the storage,
    because with reused actors another one may have continued the trial. The time attribute is
    ``epoch``, since ``training_iteration`` starts again with each attempt.

    Each result has the fields of the last ``EpochMetrics``, ``epochs`` (all of the step's, as
    dicts), ``score``, ``trial``, ``attempt``, ``done``, ``diverged``, ``interrupted``,
    ``host``, ``device``, ``storage_away_seconds`` (for how long the storage has refused
    checkpoints; 0 while it takes them) and ``storage_problem`` (its error). A trial that diverged,
    was interrupted, or waits for its storage to take its last checkpoint reports ``epoch`` and
    ``score`` without an epoch's metrics. Training waits for a remote storage only at its ends.
    """

    _trainer: Trainer
    _reported: int  # epochs that the driver has on record
    _saved_batch: int  # of the epoch in progress, when it was last saved
    _unreported: list[EpochMetrics]  # the last step's, while its checkpoint waits for the storage

    def setup(
        self,
        config: dict[str, Any],
        data: Dataset | None = None,
        tables: Sequence[str] = (),
        starts: Mapping[str, Content] = MappingProxyType({}),
    ) -> None:
        """Builds the trainer and loads the trial's latest whole checkpoint."""
        register_tables(tables)
        register_starts(starts)
        self._data = data
        self._handler: logging.FileHandler | None = None
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Turns this object into another trial, as if it were newly constructed."""
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Reports an epoch that the driver does not have, or trains further."""
        trainer = self._trainer
        if self._unreported:
            return self._finish(self._unreported)
        if self._reported < trainer.epochs_done:
            self._reported += 1
            return self._result(trainer.history[self._reported - 1 : self._reported])
        if trainer.finished:  # and the driver has every epoch: nothing is left to do
            return self._result(trainer.history[-1:])
        with self._explained():
            return self._train()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Writes Tune's own checkpoint, for schedulers that pause trials."""
        self._trainer.save(Path(checkpoint_dir) / "trial")

    def load_checkpoint(self, checkpoint: str) -> None:
        """Continues from Tune's own checkpoint."""
        self._trainer.load(Path(checkpoint) / "trial")
        self._reported = self._trainer.epochs_done

    def cleanup(self) -> None:
        """Closes the trial's log, and ends the threads that use the storage."""
        self._leave_storage()
        self._log_to(None)

    def _leave_storage(self) -> None:
        if hasattr(self, "_checkpoints"):
            self._checkpoints.close()

    def _start(self, config: dict[str, Any]) -> None:
        self._job = job = TrialJob.from_dict(config)
        self._log_to(job.worker_log)
        check_node(job)
        settings = TrainConfig.from_trial(job.config)
        if self._data is None:
            data_dir = Path(job.data_dir) if job.data_dir else None
            self._data = load_dataset(requested_data(settings, data_dir))
        self._device = "cuda" if job.device_fraction > 0 else "cpu"
        if hasattr(self, "_trainer"):
            del self._trainer  # frees the last trial's memory before the next trial allocates
        with self._explained():
            self._trainer = Trainer(settings, self._data, device=self._device, threads=job.threads)
        if self._trainer.trial_id != job.trial_id:
            raise ConfigError(
                [f"this configuration is trial {self._trainer.trial_id}, not {job.trial_id}"]
            )
        self._leave_storage()
        self._checkpoints = TrialCheckpoints(job)
        self._unreported = []
        self._checkpoints.restore(self._trainer)
        done = self._trainer.epochs_done
        self._reported = min(job.known_epochs, done)
        log.info("attempt %d starts after epoch %d on %s", job.attempt, done, self._device)

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
                return self._finish(done)
        self._reported = self._trainer.epochs_done
        return self._result(done)

    def _finish(self, done: list[EpochMetrics]) -> dict[str, Any]:
        """Reports the last epochs once their checkpoint is in the storage; until then, waits."""
        if self._checkpoints.wait(WAITING_REPORT_SECONDS):
            self._unreported = []
            self._reported = self._trainer.epochs_done
            return self._result(done)
        self._unreported = done
        return self._outcome([], epoch=self._reported, score=self._last_score())

    def _train_epoch(self) -> EpochMetrics | None:
        """Trains one epoch, saving within it if it is long; None when a stop was requested."""
        self._saved_batch = self._trainer.batches_done
        with self._deadline():
            while (metrics := self._trainer.train_epoch(self._pauses)) is None:
                self._save()
                if self._checkpoints.request():
                    return None
        log.info(
            "attempt %d epoch %d train_loss %.4f score %.4f in %.2f s",
            self._job.attempt,
            metrics.epoch,
            metrics.train_loss,
            reported_score(metrics),
            metrics.train_seconds + metrics.eval_seconds,
        )
        if self._checkpoints.is_due() and metrics.epoch < self._trainer.config.epochs:
            self._save()
        return metrics

    def _pauses(self) -> bool:
        # without an advance it would do nothing but save
        advanced = self._trainer.batches_done > self._saved_batch
        return bool(self._checkpoints.request()) or (advanced and self._checkpoints.is_due())

    def _save(self) -> None:
        scores = [reported_score(metrics) for metrics in self._trainer.history]
        self._checkpoints.save(self._trainer, scores)
        self._saved_batch = self._trainer.batches_done

    def _diverged(self, done: list[EpochMetrics], problem: Diverged) -> dict[str, Any]:
        log.warning("%s", problem)
        values = {"epoch": problem.epoch, "score": WORST_SCORE}
        return self._outcome(done, **values, diverged=True, done=True)

    def _interrupted(self, done: list[EpochMetrics]) -> dict[str, Any]:
        epoch, batch = self._trainer.epochs_done, self._trainer.batches_done
        log.info("interrupted after epoch %d, batch %d", epoch, batch)
        if self._checkpoints.request() == LEAVE_FILE:
            self._checkpoints.wait(LEAVE_UPLOAD_SECONDS)
            raise HostLeavingError(f"{socket.gethostname()} is being taken away")
        self._checkpoints.wait(STOP_UPLOAD_SECONDS)
        last = self._last_score()
        return self._outcome(done, epoch=epoch, score=last, interrupted=True, done=True)

    def _last_score(self) -> float:
        history = self._trainer.history
        return reported_score(history[-1]) if history else WORST_SCORE

    def _result(self, metrics: list[EpochMetrics]) -> dict[str, Any]:
        last = metrics[-1]
        ends = last.epoch >= self._trainer.config.epochs
        return {
            **dataclasses.asdict(last),
            **self._outcome(metrics, epoch=last.epoch, score=reported_score(last), done=ends),
        }

    def _outcome(self, metrics: list[EpochMetrics], **values: Any) -> dict[str, Any]:
        return {
            "epochs": [dataclasses.asdict(epoch_metrics) for epoch_metrics in metrics],
            "trial": self._job.trial_id,  # Ray overwrites "trial_id" with its own
            "attempt": self._job.attempt,
            "storage_away_seconds": self._checkpoints.away_seconds,
            "storage_problem": self._checkpoints.problem,
            "diverged": False,
            "interrupted": False,
            "host": socket.gethostname(),
            "device": torch.cuda.get_device_name() if self._device == "cuda" else "cpu",
            "code": code_path(self._trainer.device),
            **values,
        }

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[None]:
        """Within, ends the process when the epoch takes too long; its stacks go to the trial's log.

        A call to a device that hangs cannot be interrupted by an exception.
        """
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
        """Within, explains an out-of-memory error of the device, and a call of sys.exit."""
        try:
            yield
        except SystemExit as problem:  # a worker that it ends may be bad luck
            if hasattr(problem, "ray_terminate_msg"):  # Ray's own, of SIGTERM
                raise
            raise RuntimeError(f"the network's code called sys.exit({problem.code!r})") from problem
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
            except OSError:  # a folder of another machine: a trial does not fail because of its log
                return
            self._handler.setFormatter(logging.Formatter("%(asctime)s pid %(process)d %(message)s"))
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
