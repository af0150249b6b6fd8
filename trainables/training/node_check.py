"""Whether the machine that a worker runs on may train a trial.

The worker itself checks this, because Ray may start it on a machine that the driver has never seen.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path

import torch

from trainables.config.carried_files import local_path
from trainables.config.starting_point import split_init
from trainables.files.code_digest import code_digest, torch_version
from trainables.files.storage import is_uri
from trainables.training.checkpoints.checkpoint_store import StorageError
from trainables.training.checkpoints.time_limit import within
from trainables.training.job import TrialJob, UnfitNodeError

ANSWER_SECONDS = 30.0
"""How long a shared folder may take to answer: one that hangs would hold the slot for ever."""


def check_node(job: TrialJob) -> None:
    """Compares this machine with what the driver expects of it.

    Raises:
        UnfitNodeError: with everything that is wrong, and the machine's name.
        StorageError: where the shared folder does not answer at the moment.
    """
    problems = []
    if job.device_fraction > 0 and not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        problems.append(
            f"Ray counts a GPU here, but torch {torch.__version__} (built for {built}) cannot use "
            "it: check its driver, or start Ray here with --num-gpus 0"
        )
    if job.code_digest and job.code_digest != code_digest():
        problems.append(
            f"the training code here ({code_digest()}) differs from the driver's "
            f"({job.code_digest}): install one version on every node"
        )
    if job.torch_version and job.torch_version != torch_version():
        problems.append(
            f"torch is {torch_version()} here and {job.torch_version} on the driver's machine: "
            "install one version on every node"
        )
    init = split_init(str(job.config.get("init") or ""))[0]
    if init.name and not local_path(init).is_dir():
        problems.append(
            f"the starting point {init} is neither on this machine nor on the driver's: restore it "
            "there"
        )
    if is_uri(job.storage) or job.storage_is_shared:
        problems += _scratch_problems()
    if not is_uri(job.storage) and job.storage_is_made:
        folder = Path(job.storage)
        try:
            problems += within(ANSWER_SECONDS, lambda: _folder_problems(folder))
        except OSError as problem:
            raise StorageError(f"the storage {folder} does not answer: {problem}") from problem
    if problems:
        raise UnfitNodeError(f"{socket.gethostname()}: {'; '.join(problems)}")


def _scratch_problems() -> list[str]:
    """What is wrong with the folder in which a checkpoint waits for its copy to the storage."""
    try:
        with tempfile.TemporaryFile():
            return []
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return []  # a full disk is waited for
        return [
            f"no temporary folder for checkpoints can be written here ({problem}): start Ray with "
            "TMPDIR set to one that can be written"
        ]


def _folder_problems(folder: Path) -> list[str]:
    """What is wrong with the folder of checkpoints, which the driver has created."""
    if not folder.is_dir():
        return [
            f"there is no {folder}, which the driver has created for checkpoints: mount it here, "
            "or name a --storage that every node sees"
        ]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [f"{folder}, where checkpoints go, cannot be written: mount it here for writing"]
    return []
