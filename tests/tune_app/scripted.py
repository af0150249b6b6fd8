"""A trainable that replays scripted epochs: a workload for the search engine, in no time.

It keeps the contract of ``CifarTrainable``: the same config and results, checkpoints of its own.
"""

import json
import os
import signal
import time
from pathlib import Path

from ray import tune

EPOCHS = 9


def accuracy(config: dict, epoch: int) -> float:
    """A made-up learning curve: better near learning rate 0.1, with a little noise a seed."""
    quality = 1 / (1 + abs(config["learning_rate"] - 0.1) * 5)
    noise = ((config["seed"] * 7919 + epoch * 104729) % 97) / 9700
    return quality * (1 - 0.6**epoch) * 0.95 + noise


class HostLeavingError(RuntimeError):
    """As CifarTrainable's."""


class ScriptedTrainable(tune.Trainable):
    """``script``: {"seconds": per epoch, "together": trials to wait for,
    "faults": {trial_id: {str(attempt): [fault, epoch]}}}."""

    def setup(self, config, script=None):
        self.script = script or {}
        self._begin(config)

    def reset_config(self, new_config):
        self._begin(new_config)
        return True

    def _begin(self, config):
        self.trial, self.attempt = config["trial_id"], config["attempt"]
        self.hyper, self.known = config["config"], config["known_epochs"]
        self.folder = Path(config["storage"]) / self.trial
        saved = self.folder / "epochs.json"
        self.epochs = json.loads(saved.read_text()) if saved.exists() else []
        self.reported = self.known

    def step(self):
        outcome = {"epochs": [], "diverged": False, "interrupted": False, "done": True}
        if self.reported < len(self.epochs) or self._train(len(self.epochs) + 1):
            self.reported += 1
        elif self.stopped:
            return {**outcome, "epoch": self.reported, "score": 0.0, "interrupted": True}
        else:
            return {**outcome, "epoch": self.reported + 1, "score": 0.0, "diverged": True}
        row = self.epochs[self.reported - 1]
        done = self.reported >= self.hyper["epochs"]
        return {**outcome, **row, "epochs": [row], "score": row["val_accuracy"], "done": done}

    def _train(self, epoch):
        """Whether the epoch was finished."""
        self._log("train", epoch)
        self._await_others()
        deadline = time.monotonic() + self.script.get("seconds", 0.0)
        self.stopped = False
        while time.monotonic() < deadline:
            if (self.folder / f"LEAVE-a{self.attempt}").exists():
                raise HostLeavingError("the host is being taken away")
            if (self.folder.parent / "STOP").exists():
                self.stopped = True
                return False
            time.sleep(0.01)
        faults = self.script.get("faults", {}).get(self.trial, {})
        fault, when = faults.get(str(self.attempt), ("", 0))
        if when == epoch and fault == "nan":
            return False
        if when == epoch:
            self._fail(fault)
        value = accuracy(self.hyper, epoch)
        self.epochs.append(
            {
                "epoch": epoch,
                "train_loss": 1 - value,
                "train_accuracy": value,
                "val_loss": 1 - value,
                "val_accuracy": value,
                "train_seconds": self.script.get("seconds", 0.0),
            }
        )
        self._save()
        return True

    def _await_others(self):
        """Until ``together`` trials have begun: workers start one after the other."""
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            if len(list(self.folder.parent.glob("*/worker.log"))) >= self.script.get("together", 0):
                return
            time.sleep(0.1)

    def _save(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".epochs.{self.attempt}"
        draft.write_text(json.dumps(self.epochs))
        draft.replace(self.folder / "epochs.json")

    def _fail(self, fault):
        if fault == "raise":
            raise RuntimeError("scripted failure")
        if fault == "oom":
            raise MemoryError("scripted: 3 GiB asked, 1 GiB free")
        if fault == "full":
            raise OSError(28, "No space left on device")
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "hang":
            (self.folder / "hangs").touch()
            time.sleep(600)

    def _log(self, what, epoch):
        """The workers' own log: what was really done, whatever the driver believes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "worker.log").open("a") as file:
            file.write(f"{what} {epoch} attempt {self.attempt} pid {os.getpid()}\n")
