"""``--gpus-per-trial auto``: how many trials should share a card is measured, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from trainables.files.sealed import read_sealed, write_sealed
from trainables.text.table import text_table
from tune_app.command.errors import UsageError
from tune_app.command.output import LOG
from tune_app.planning.plan import Plan

MOST = 16
"""Trials on a card at most: beyond it a core per trial becomes the limit."""

MARGIN = 0.10
"""Part of the card's memory that stays free: fragmentation, and the context of each process."""

GAIN = 1.02
"""One trial more must raise the card's total throughput by this factor, or the search for a
fraction ends: small networks gain up to a point, then serialize on the GPU."""


@dataclass(frozen=True, slots=True)
class ShareMeasurement:
    """``together`` trials on one card at the same time.

    ``images_per_second`` is of all of them; ``peak_bytes`` is an equal part of what the card held,
    the processes' contexts included.
    """

    together: int
    images_per_second: float
    peak_bytes: int


def search_share(
    measure: Callable[[int], ShareMeasurement | None], card_bytes: int
) -> tuple[float, list[ShareMeasurement]]:
    """The fraction of a card with the highest total throughput that fits memory, and the table.

    ``measure`` returns None when so many trials ran out of memory. The numbers of trials tried
    are 1, 2, 3, 4, 6, 8, 12, 16, for as long as one more pays.
    """
    table: list[ShareMeasurement] = []
    for together in (1, 2, 3, 4, 6, 8, 12, MOST):
        if table and together * table[-1].peak_bytes > (1 - MARGIN) * card_bytes:
            break
        measured = measure(together)
        if measured is None or together * measured.peak_bytes > (1 - MARGIN) * card_bytes:
            break
        table.append(measured)
        if len(table) > 2 and best(table).together < table[-2].together:
            break  # two steps in a row brought nothing
    if not table:
        raise UsageError(
            [
                "--gpus-per-trial auto: one trial alone does not fit into the GPU's memory; "
                "lower batch_size or width"
            ]
        )
    return 1 / best(table).together, table


def best(table: Sequence[ShareMeasurement]) -> ShareMeasurement:
    """The fewest trials within reach of the highest throughput."""
    most = max(row.images_per_second for row in table)
    return next(row for row in table if row.images_per_second * GAIN >= most)


def table_text(table: Sequence[ShareMeasurement]) -> str:
    """What was measured, for a person."""
    rows = [
        [
            str(row.together),
            f"{1 / row.together:.3g}",
            f"{row.images_per_second:,.0f}",
            f"{row.peak_bytes / 2**30:.2f}",
        ]
        for row in table
    ]
    headers = ["trials per GPU", "fraction", "images/s in total", "GiB each"]
    return "\n".join(text_table(headers, rows, ">>>>"))


@dataclass(frozen=True)
class ShareCache:
    """Remembers fractions by device, network size and batch, in a file that studies share."""

    path: Path

    def get(self, key: str) -> float | None:
        """The fraction measured before; None where there is none."""
        fraction = (read_sealed(self.path) or {}).get(key, {}).get("fraction")
        return float(fraction) if fraction else None

    def put(self, key: str, fraction: float, table: Sequence[ShareMeasurement]) -> None:
        """Remembers a measurement."""
        measured = {"fraction": fraction, "table": [asdict(row) for row in table]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(self.path, {**(read_sealed(self.path) or {}), key: measured})


class Card(Protocol):
    """A GPU that can train: ``name``, memory in ``bytes``, and what sharing it brings."""

    @property
    def name(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    def measure(
        self, config: dict[str, Any], data: Any, together: int
    ) -> ShareMeasurement | None: ...


def auto_share(plan: Plan, device: Card, data: Any, memory: ShareCache) -> float:
    """Measures the plan's largest network on a card of this cluster, or remembers it.

    ``data`` is the data set, or a reference to it in Ray's object store.

    Raises:
        UsageError: where one trial alone does not fit, or nothing is listed that could be measured.
    """
    if not plan.trials:
        raise UsageError(
            ["--gpus-per-trial auto needs listed trials to measure; for optuna give a fraction"]
        )
    largest = max(plan.trials, key=lambda trial: trial.size.parameters)
    key = f"{device.name}, {largest.size.parameters} parameters, batch {largest.config.batch_size}"
    cached = memory.get(key)
    if cached is not None:
        LOG.info("--gpus-per-trial auto: %.3g, as measured before for %s", cached, key)
        return cached
    fraction, table = search_share(
        lambda together: device.measure(largest.config.to_dict(), data, together), device.bytes
    )
    LOG.info("%s", table_text(table))
    LOG.info("--gpus-per-trial auto: %.3g for %s", fraction, key)
    memory.put(key, fraction, table)
    return fraction
