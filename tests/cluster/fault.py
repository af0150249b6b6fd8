"""A fault, and what a search owes whoever waits for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from tests.cluster.load import slowdown_at
from tests.cluster.outcome import Outcome
from tests.cluster.running import Cluster

WHENEVER = float("inf")
"""Trials go on as soon as a slot is free, which may be at another's end."""

CONTINUE = "to continue: "


# Regular expressions for whole lines, and parts of them.
HOST = r"10(\.\d+){3}"
TRIAL = r"low_rank-[\w.-]+"
GO_ON = rf"(\d+ trials go on from their|{TRIAL} goes on from its) last checkpoints?"
GONE = rf"the host {HOST} is gone: {GO_ON}"
TAKEN = rf"the host {HOST} is being taken away: {GO_ON}"
DIED = rf"workers on {HOST} ended without a word \(killed, or the host is out of memory\): {GO_ON}"
HEAD = rf"the cluster's head {HOST}:6379"
SILENT = rf"(the search did not begin, and nothing is lost: )?{HEAD} has not answered for \d+ s.*"
FULL = r"the disk is full: .* are needed in \S+, .* are free; waiting up to 10 min for room"
NOTHING = r"the storage \S+ has taken nothing for \d+ s.*: training goes on, checkpoints wait"


def nothing_for(reason: str) -> str:
    """The line of a storage that takes nothing, and says why."""
    return NOTHING.replace(" s.*:", rf" s \(.*{reason}.*\):")


@dataclass(frozen=True)
class Fault:
    """What happens, and what a search owes whoever waits for it.

    strike: returns once the cause is over. says: a regular expression for the whole line that names
    the cause; "" where nothing is to be told. trains: real networks, saving to S3; else scripted
    trials and a shared folder. workers: hosts with slots. rounds: trials a slot. seconds: of a
    scripted trial's epoch, of which it has nine. epochs: of the trials of a host that trains.
    small: a folder that is a file system of its own, of 100 MB; trials that train save there.
    begun: whether it strikes once as many trials as there are slots have finished an epoch.
    exit_codes: of each driver.
    redone: epochs that a trial may train again; a scripted one saves each epoch. unsaved: seconds
    for which a trial that trains may have been without a checkpoint, in place of ``redone``; it
    must have had one before. noticed: seconds until the loss is on record, None where nothing is
    lost at once. within: seconds until a trial goes on, None where none may be interrupted. spares:
    whether it may interrupt none, too. share: of all slots, what one driver may take. hosts: on
    which trials run. lines: that may name it, however many trials it hit. ends: leaves trials for
    another command, within so many seconds.
    """

    strike: Callable[[Cluster], None]
    says: str = ""
    trains: bool = False
    workers: int = 2
    rounds: int = 3
    seconds: float = 1.0
    epochs: int = 120
    small: str = ""
    begun: bool = True
    exit_codes: tuple[int, ...] = (0,)
    redone: int = 1
    unsaved: float | None = None
    noticed: float | None = None
    within: float | None = None
    spares: bool = False
    share: float = 1.0
    hosts: int = 1
    lines: int = 2  # a loaded machine may miss a host's trials in two parts
    ends: float | None = None

    def names(self, line: str) -> bool:
        """Whether a line is the one that names the cause."""
        return bool(self.says) and re.fullmatch(self.says, line) is not None

    def problems(self, found: Outcome) -> list[str]:
        """What the search owed and did not do; times are longer where others compute beside."""
        slowdown = slowdown_at(found.load)

        def kept(seconds: float | None, limit: float | None) -> bool:
            """Measured and in time; where no limit is given nothing happened at all."""
            if seconds is None or limit is None:
                return seconds is limit
            return seconds <= slowdown * limit

        named = sum(map(self.names, found.lines))
        limit = self.redone
        if self.unsaved is not None:
            limit = ceil(slowdown * self.unsaved * found.epochs_a_second)
        owed = {
            f"1 to {self.lines} lines that name the cause": 0 < named <= self.lines
            or not self.says,
            "no traceback": not any("Traceback" in line for line in found.lines),
            f"exit codes {self.exit_codes}": found.exit_codes == self.exit_codes,
            "every trial finished": found.finished == found.planned or self.ends is not None,
            f"an end within {self.ends} s": self.ends is None or kept(found.seconds, self.ends),
            "the command that goes on": self.ends is None or CONTINUE in "\n".join(found.lines),
            "no epoch lost": found.lost == 0,
            "no epoch twice on record": found.doubled == 0,
            "the results of an undisturbed search": found.differing == 0,
            f"at most {limit} epochs of a trial redone": found.redone_most <= limit,
            "no trial from its start again": self.unsaved is None or found.from_start == 0,
            f"the loss on record within {self.noticed} s": self.noticed is None
            or kept(found.noticed, self.noticed),
            f"a trial goes on within {self.within} s": kept(found.recovered, self.within)
            or (self.spares and found.recovered is None),
            f"trials on {self.hosts} hosts": len(found.hosts) >= self.hosts,
        }
        return [words for words, kept in owed.items() if not kept]
