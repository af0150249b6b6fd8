"""A data set's images on the device that trains on them, once per process."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainables.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class DeviceData:
    """Pixels (N, S·S) int32, a packed word each; labels (N,) int64."""

    train_pixels: Tensor
    train_labels: Tensor
    test_pixels: Tensor
    test_labels: Tensor


_cached: dict[tuple[str, str], DeviceData] = {}


def copy_to_device(dataset: Dataset, device: torch.device) -> DeviceData:
    """The data set on ``device``: without a copy on the CPU, copied once per process to a GPU.

    Only the last one used is kept.
    """
    key = (dataset.checksum, str(device))
    if key not in _cached:
        _cached.clear()
        _cached[key] = DeviceData(
            _words(dataset.train_pixels).to(device),
            _tensor(dataset.train_labels).to(device),
            _words(dataset.test_pixels).to(device),
            _tensor(dataset.test_labels).to(device),
        )
    return _cached[key]


def _words(pixels: np.ndarray) -> Tensor:
    return _tensor(pixels.view(np.int32).reshape(len(pixels), -1))


def _tensor(array: np.ndarray) -> Tensor:
    with warnings.catch_warnings():
        # The object store's arrays are read-only; nothing here writes to them.
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)
