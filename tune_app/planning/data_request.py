"""Which images a study trains on, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.config.train_config import default_keys
from trainables.data.datasets.python_file import PATTERN
from trainables.data.sources import DataRequest
from tune_app.command.options import RunOptions

DATA_KEYS = ("dataset", "image_size", "resize")
"""Keys of a trial that say which images it trains on; all trials of a study agree in them."""


def are_functions(*datasets: Any) -> bool:
    """Whether all of the names are of functions in files; what these return has a digest."""
    return all(isinstance(name, str) and PATTERN.fullmatch(name) for name in datasets)


def data_request(fixed: Mapping[str, Any], options: RunOptions) -> DataRequest:
    """The images that the fixed keys of a study, or the keys of a trial, and the options name."""
    defaults = default_keys()
    keys = {name: fixed.get(name, defaults[name]) for name in DATA_KEYS if name in defaults}
    asked = options.dataset or next(iter(options.settings.get("dataset", ())), None)
    if are_functions(asked, keys["dataset"]):  # a study may have begun in another folder
        keys["dataset"] = asked
    return DataRequest(
        **keys,
        data_dir=options.data_dir,
        download=options.download,
        skip_unreadable=options.skip_unreadable,
    )
