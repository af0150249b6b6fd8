"""Which images a study trains on, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.config.train_config import default_keys
from trainables.data.sources import DataRequest
from tune_app.command.options import RunOptions

DATA_KEYS = ("dataset", "image_size", "resize")
"""Keys of a trial that say which images it trains on; all trials of a study agree in them."""


def data_request(fixed: Mapping[str, Any], options: RunOptions) -> DataRequest:
    """The images that the fixed keys of a study, or the keys of a trial, and the options name."""
    defaults = default_keys()
    keys = {name: fixed.get(name, defaults[name]) for name in DATA_KEYS if name in defaults}
    return DataRequest(
        **keys,
        data_dir=options.data_dir,
        download=options.download,
        skip_unreadable=options.skip_unreadable,
    )
