"""A worker refuses a trial where its machine cannot train it, and names the machine."""

from __future__ import annotations

import socket
import tempfile

import pytest
import torch

from tests.trainables.test_cifar_trainable import run
from trainables.files.code_digest import code_digest, torch_version
from trainables.training.job import UnfitNodeError


def test_a_machine_without_the_shared_folder_refuses_and_makes_none(worker, job, tmp_path):
    folder = tmp_path / "not mounted"
    with pytest.raises(UnfitNodeError, match=f"there is no {folder}, which the driver has created"):
        worker(job(storage=str(folder), storage_is_made=True))
    assert not folder.exists()
    folder.write_text("a file")
    with pytest.raises(UnfitNodeError, match=f"there is no {folder}"):
        worker(job(storage=str(folder), storage_is_made=True))
    folder.unlink()
    folder.mkdir()
    assert run(worker(job(storage=str(folder), storage_is_made=True)))[-1]["done"]


def test_a_machine_where_no_checkpoint_can_wait_for_its_copy_refuses(
    worker, job, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(UnfitNodeError, match=r"not there.*: start Ray with TMPDIR set to one"):
        worker(job() | {"storage": (tmp_path / "storage").as_uri()})
    assert run(worker(job(storage=str(tmp_path / "storage"))))[-1]["done"]  # written in place


def test_a_machine_that_would_train_otherwise_refuses_with_its_name(worker, job):
    with pytest.raises(UnfitNodeError) as refused:
        worker(job(device_fraction=0.5, code_digest="of another version", torch_version="0.1"))
    said = str(refused.value)
    assert said.startswith(socket.gethostname())
    assert said.count("install one version on every node") == 2
    assert f"torch is {torch_version()} here and 0.1 on the driver's machine" in said
    assert ("cannot use it" in said) == (not torch.cuda.is_available())
    assert run(worker(job(code_digest=code_digest(), torch_version=torch_version())))[-1]["done"]
