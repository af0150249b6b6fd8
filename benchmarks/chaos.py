"""Kills a search at random moments until it has been killed often enough, then checks its record.

``python -m benchmarks.chaos --kills 100`` trains small networks on the embedded digits. What is
killed: the driver, a worker, Ray's raylet, Ray's control store. When: while Ray starts, while a row
is appended, while a checkpoint is written, in the middle of training, while the search ends.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil

from analysis.record import LEDGER, Closed, Epoch, Run, read_record
from analysis.study import load_study

TARGETS = ("driver", "driver", "worker", "worker", "worker", "raylet", "gcs")
PHASES = ("start-up", "append", "checkpoint", "step", "step", "shutdown")
NAMES = {"raylet": "raylet/raylet", "gcs": "gcs_server", "worker": "ray::"}

SPACE = """
[space]
name = "chaos"
question = "Does the record survive?"
source = "benchmarks/chaos.py"

[fixed]
dataset = "digits"
layer = "low_rank"
width = 4
epochs = 12
batch_size = 64
precision = "fp32"

[keys.rank_scale]
type = "choice"
values = [0.25, 0.5, 1.0]

[keys.learning_rate]
type = "choice"
values = [RATES]
"""


@dataclass
class Kill:
    """One kill: whom, in which phase, and the seconds until the next epoch was on record."""

    target: str
    phase: str
    seconds_to_continue: float | None = None


@dataclass
class Chaos:
    """Runs ``command`` again and again while killing what it started.

    ``study`` is the folder the command writes. ``kills`` collects what was done.
    """

    command: list[str]
    study: Path
    rng: random.Random
    wanted: int
    targets: tuple[str, ...] = TARGETS
    phases: tuple[str, ...] = PHASES
    kills: list[Kill] = field(default_factory=list)
    runs: int = 0
    codes: list[int] = field(default_factory=list)
    output: Path | None = None
    seconds: float = float("inf")  # of killing; the search then ends in peace
    began: float = field(default_factory=time.monotonic)

    @property
    def enough(self) -> bool:
        """Whether the killing is over."""
        late = time.monotonic() - self.began > self.seconds
        return late or len(self.kills) >= self.wanted

    def run(self, patience: float = 600.0) -> None:
        """Until enough kills were survived and a run ended by itself with exit code 0."""
        while True:
            before = self._ledger()
            code = self._one_run(patience)
            self.codes.append(code)
            after = self._ledger()
            whole = before[: before.rfind(b"\n") + 1]
            if not after.startswith(whole):
                raise AssertionError("the ledger lost rows that were on record")
            if code == 0:  # before the kills are used up: the plan was too small for them
                return

    def _one_run(self, patience: float) -> int:
        self.runs += 1
        log = (self.output or self.study.parent / "driver.log").open("ab")
        rows = len(self._rows())
        began = time.monotonic()
        process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        try:
            while process.poll() is None:
                if time.monotonic() - began > patience:
                    raise AssertionError(f"run {self.runs} did not end in {patience:.0f} s")
                if self.enough:
                    time.sleep(0.2)
                    self._note_progress(rows)
                    continue
                self._attack(process, rows)
            return process.wait()
        finally:
            end_tree(process)
            log.close()

    def _attack(self, process: subprocess.Popen, rows: int) -> None:
        phase = self.rng.choice(self.phases)
        target = self.rng.choice(self.targets)
        if phase == "start-up":
            target = "driver" if self.rng.random() < 0.5 else target
        if not self._await(phase, process, rows):
            return
        victim = self._victim(target, process)
        if victim is None:
            return
        try:
            victim.kill()
        except psutil.Error:
            return
        self.kills.append(Kill(target, self._phase_now(phase, rows)))
        killed = time.monotonic()
        seen = self._epochs()
        while process.poll() is None and time.monotonic() - killed < 90 and target != "driver":
            if self._epochs() > seen:  # a survivor goes on: let it, before the next blow
                self.kills[-1].seconds_to_continue = time.monotonic() - killed
                return
            time.sleep(0.1)

    def _await(self, phase: str, process: subprocess.Popen, rows: int) -> bool:
        """Waits for the phase; False when the run ended before."""
        if phase == "start-up":
            time.sleep(self.rng.uniform(0.2, 8.0))
            return process.poll() is None
        while process.poll() is None and len(self._rows()) == rows:
            time.sleep(0.1)
        deadline = time.monotonic() + 60
        if phase == "step":
            time.sleep(self.rng.uniform(0.5, 8.0))
            return process.poll() is None
        size = self._size()
        while process.poll() is None and time.monotonic() < deadline:
            if phase == "append" and self._size() != size:
                return True
            if phase == "checkpoint" and self._saving():
                return True
            if phase == "shutdown" and self._closed(rows):
                time.sleep(self.rng.uniform(0, 2))
                return process.poll() is None
            if phase == "shutdown" and time.monotonic() > deadline - 45:
                process.send_signal(signal.SIGTERM)  # makes it end, so that the end can be hit
                deadline -= 1000 if self._closed(rows) else 0
                self._wait_closed(process, rows)
            time.sleep(0.002)
        return process.poll() is None

    def _wait_closed(self, process: subprocess.Popen, rows: int) -> None:
        until = time.monotonic() + 40
        while process.poll() is None and not self._closed(rows) and time.monotonic() < until:
            time.sleep(0.01)

    def _victim(self, target: str, process: subprocess.Popen) -> psutil.Process | None:
        driver = psutil.Process(process.pid)
        if target == "driver":
            return driver
        found = []
        for child in driver.children(recursive=True):
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if NAMES[target] in line and (target != "worker" or "IDLE" not in line):
                found.append(child)
        return self.rng.choice(found) if found else None

    def _phase_now(self, phase: str, rows: int) -> str:
        if len(self._rows()) == rows:
            return "start-up"
        if phase == "start-up":
            return "step"
        return "shutdown" if self._closed(rows) else phase

    def _note_progress(self, rows: int) -> None:
        last = self.kills[-1] if self.kills else None
        if last and last.seconds_to_continue is None:
            last.seconds_to_continue = -1.0

    def _ledger(self) -> bytes:
        path = self.study / LEDGER
        return path.read_bytes() if path.is_file() else b""

    def _size(self) -> int:
        path = self.study / LEDGER
        return path.stat().st_size if path.is_file() else 0

    def _rows(self) -> list[bytes]:
        return [line for line in self._ledger().split(b"\n") if b'"type":"run"' in line]

    def _epochs(self) -> int:
        return self._ledger().count(b'"type":"epoch"')

    def _closed(self, rows: int) -> bool:
        return self._ledger().rpartition(b'"type":"run"')[2].count(b'"type":"closed"') > 0

    def _saving(self) -> bool:
        return any(self.study.glob("checkpoints/*/.*.partial"))


def end_tree(process: subprocess.Popen) -> None:
    """Ends what a killed driver left behind, by process number."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    for child in family:
        try:
            child.kill()
        except psutil.Error:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()


@dataclass
class Findings:
    """What the record says after the last run; every list is empty where all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    epochs: int = 0
    trained: int = 0  # by the workers' own logs

    @property
    def redone(self) -> int:
        """Epochs trained more than once."""
        return self.trained - self.epochs


def inspect(study: Path, trained: Counter[tuple[str, int]]) -> Findings:
    """Epochs lost or doubled in the ledger, trials unfinished; ``trained`` is the workers' log."""
    record = read_record(study)
    seen = Counter((row.trial_id, row.epoch) for row in record.rows if isinstance(row, Epoch))
    trials = load_study(study).trials
    findings = Findings(
        doubled=[f"{name} epoch {epoch}" for (name, epoch), count in seen.items() if count > 1],
        damage=[f"line {one.line}: {one.problem}" for one in record.damage],
        epochs=len(seen),
        trained=sum(trained.values()),
    )
    for trial in trials.itertuples():
        if trial.status != "finished":
            findings.unfinished.append(f"{trial.trial_id}: {trial.status}")
        findings.lost += [
            f"{trial.trial_id} epoch {epoch}"
            for epoch in range(1, int(trial.epochs) + 1)
            if (trial.trial_id, epoch) not in seen
        ]
    return findings


def trained_epochs(study: Path) -> Counter[tuple[str, int]]:
    """How often each epoch was finished by a worker, from the logs that workers write."""
    counts: Counter[tuple[str, int]] = Counter()
    for log in (study / "logs").glob("*.log"):
        for found in re.finditer(r"attempt \d+ epoch (\d+) train_loss", log.read_text()):
            counts[log.stem, int(found[1])] += 1
    return counts


TIMES = (
    "train_seconds",
    "eval_seconds",
    "images_per_second",
    "time",
    "started",
    "ended",
    "seconds",
)


def same_tables(one: Path, other: Path) -> list[str]:
    """Columns of trials and epochs in which two studies differ, times and attempts excluded."""
    differing = []
    for table, keys in (("trials", ["trial_id"]), ("epochs", ["trial_id", "epoch"])):
        frames = [
            getattr(load_study(study), table).sort_values(keys).reset_index(drop=True)
            for study in (one, other)
        ]
        columns = [
            name
            for name in frames[0].columns
            if name not in (*TIMES, "attempts", "attempt") and not name.endswith("_seconds")
        ]
        for name in columns:
            left, right = frames[0][name], frames[1][name]
            if not left.equals(right) and not (left.isna().all() and right.isna().all()):
                differing.append(f"{table}.{name}")
    return differing


def main() -> int:
    """Runs the chaos and an undisturbed search, compares, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rates", type=int, default=20, help="learning rates; trials are 3 times")
    parser.add_argument("--minutes", type=float, default=600.0, help="of killing, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/chaos.json"))
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    given = parser.parse_args()
    scratch = given.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    scratch.mkdir(parents=True, exist_ok=True)
    space = scratch / "chaos.toml"
    rates = ", ".join(f"{0.02 * 1.1**number:.5f}" for number in range(given.rates))
    space.write_text(SPACE.replace("RATES", rates))
    command = [sys.executable, "run_tune.py", "--space", str(space), "--results-dir"]
    calm = [*command, str(scratch / "calm")]
    chaos = Chaos(
        [*command, str(scratch / "chaos")],
        scratch / "chaos" / "chaos",
        random.Random(given.seed),
        given.kills,
        seconds=60 * given.minutes,
    )
    (scratch / "chaos").mkdir(exist_ok=True)
    began = time.monotonic()
    chaos.run()
    wall = time.monotonic() - began
    began = time.monotonic()
    subprocess.run(calm, check=True, stdout=subprocess.DEVNULL)
    figures = report(chaos, scratch / "calm" / "chaos", wall, time.monotonic() - began)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0 if figures["all_is_well"] else 1


def report(chaos: Chaos, calm: Path, wall: float, calm_wall: float) -> dict:
    """Figures as plain JSON."""
    from benchmarks.hardware import hardware

    findings = inspect(chaos.study, trained_epochs(chaos.study))
    differing = same_tables(chaos.study, calm)
    waits = [
        kill.seconds_to_continue for kill in chaos.kills if (kill.seconds_to_continue or 0) > 0
    ]
    rows = read_record(chaos.study).rows
    by_pair = Counter(f"{kill.target} / {kill.phase}" for kill in chaos.kills)
    bad = [findings.lost, findings.doubled, findings.unfinished, findings.damage, differing]
    return {
        "hardware": hardware(),
        "kills": len(chaos.kills),
        "kills_by_phase": dict(Counter(kill.phase for kill in chaos.kills)),
        "kills_by_target": dict(Counter(kill.target for kill in chaos.kills)),
        "kills_by_target_and_phase": dict(sorted(by_pair.items())),
        "runs": chaos.runs,
        "exit_codes": dict(Counter(map(str, chaos.codes))),
        "closed_in_order": sum(isinstance(row, Closed) for row in rows),
        "runs_on_record": sum(isinstance(row, Run) for row in rows),
        "epochs": findings.epochs,
        "epochs_lost": len(findings.lost),
        "epochs_twice_on_record": len(findings.doubled),
        "epochs_redone": findings.redone,
        "trials_unfinished": len(findings.unfinished),
        "damaged_lines": len(findings.damage),
        "differing_columns": differing,
        "seconds_to_continue_median": float(pd.Series(waits).median()) if waits else None,
        "seconds_to_continue_max": max(waits, default=None),
        "seconds_in_all": round(wall),
        "seconds_undisturbed": round(calm_wall),
        "all_is_well": not any(bad),
    }


if __name__ == "__main__":
    sys.exit(main())
