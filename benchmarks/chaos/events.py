"""What happens in a chaos: kills, and how each run of the killed command ends."""

from __future__ import annotations

from dataclasses import dataclass

from tune_app.study.finalize import COMPLETE

STORE_GOES_WITH = ("raylet", "agent")
"""What takes the object store along; Ray itself ends a driver whose call meets it closed, with code
1 and no closing row (``docs/decisions/gcs.md``)."""


@dataclass
class Kill:
    """One kill: whom, in which phase, and the seconds until the next epoch was on record."""

    target: str
    phase: str
    seconds_to_continue: float | None = None


@dataclass
class End:
    """How a run of the command ended: its exit code, and what was killed in it.

    ``reason`` is that of its closing row, "" where it has none.
    """

    code: int
    reason: str
    kills: list[Kill]

    @property
    def accounted(self) -> bool:
        """Whether the exit code says what happened, and the record has a closing row where it can.

        Ray that ends while a study is opened has cost nothing yet, and leaves no row.
        """
        last = self.kills[-1] if self.kills else None
        by_ray = last is not None and (last.target in STORE_GOES_WITH or last.phase == "start-up")
        return {
            -9: last is not None and last.target == "driver",
            0: self.reason == COMPLETE,
            1: self.reason.startswith("Ray") or by_ray,
            143: bool(self.reason),
        }.get(self.code, False)

    def __str__(self) -> str:
        last = self.kills[-1:]
        after = f", after a kill of the {last[0].target} in {last[0].phase}" if last else ""
        return f"exit {self.code}: {self.reason or 'no closing row'}{after}"
