"""A fault, and what a search owes whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.load import slowdown_at
from tests.cluster.outcome import Outcome
from tests.cluster.running import Cluster

INFINITE = float("inf")
CONTINUE = "to continue: "


@dataclass(frozen=True)
class Fault:
    """What happens, and what a search owes whoever waits for it.

    strike: returns once the cause is over. says: words of the line that names the cause. trains:
    real networks, saving to S3; else scripted trials and a shared folder. workers: hosts with
    slots. rounds: trials a slot. seconds: of a scripted trial's epoch, of which it has nine.
    small: a folder that is a file system of its own, of 100 MB; trials that train save there.
    begun: whether it strikes once as many trials as there are slots have finished an epoch.
    exit_codes: of each driver.
    redone: epochs that a trial may train again; a scripted one saves each epoch. noticed: seconds
    until the loss is on record, None where nothing is lost at once. within: seconds until a trial
    goes on. share: of all slots, what one driver may take. hosts: on which trials run. lines: that
    may name it, however many trials it hit. ends: leaves trials for another command, within so many
    seconds.
    """

    strike: Callable[[Cluster], None]
    says: str = ""
    trains: bool = False
    workers: int = 2
    rounds: int = 3
    seconds: float = 1.0
    small: str = ""
    begun: bool = True
    exit_codes: tuple[int, ...] = (0,)
    redone: int = 1
    noticed: float | None = None
    within: float = 60
    share: float = 1.0
    hosts: int = 1
    lines: int = 2  # a loaded machine may miss a host's trials in two parts
    ends: float | None = None

    def problems(self, found: Outcome) -> list[str]:
        """What the search owed and did not do; times are longer where others compute beside."""
        slowdown = slowdown_at(found.load)
        ends = None if self.ends is None else slowdown * self.ends
        noticed = None if self.noticed is None else slowdown * self.noticed
        within = slowdown * self.within
        named = sum(self.says in line for line in found.lines)
        owed = {
            "a line that names the cause": bool(found.said) or not self.says,
            f"at most {self.lines} lines that name it": named <= self.lines or not self.says,
            f"exit codes {self.exit_codes}": found.exit_codes == self.exit_codes,
            "every trial finished": found.finished == found.planned or self.ends is not None,
            f"an end within {ends} s": ends is None or found.seconds <= ends,
            "the command that goes on": self.ends is None or CONTINUE in "\n".join(found.lines),
            "no epoch lost": found.lost == 0,
            "no epoch twice on record": found.doubled == 0,
            "the results of an undisturbed search": found.differing == 0,
            f"at most {self.redone} epochs of a trial redone": found.redone_most <= self.redone,
            f"the loss on record within {noticed} s": (found.noticed or 0) <= (noticed or INFINITE),
            f"a trial goes on within {within} s": (found.recovered or 0) <= within,
            f"trials on {self.hosts} hosts": len(found.hosts) >= self.hosts,
        }
        return [words for words, kept in owed.items() if not kept]
