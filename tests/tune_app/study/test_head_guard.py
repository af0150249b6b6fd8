"""A process that Ray holds ends in time, with its message and exit code."""

import subprocess
import sys

import pytest

WAITS = """
import os, signal, sys, threading, time
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.head_guard import HeadGuard

end = lambda problem: print(problem, flush=True)
with SignalHandler() as signals, HeadGuard(end, signals) as guard:
    os.kill(os.getpid(), signal.Signals[sys.argv[1]])
    if sys.argv[2] == "begun":
        guard.leave_to_the_search()
    signals.stop_in(-60.0)
    threading.Event().wait(4.0)  # as for an answer of Ray
"""


@pytest.mark.parametrize(
    ("signal", "phase", "code", "told"),
    [
        ("SIGINT", "opening", 130, "Ray does not answer\n"),
        ("SIGTERM", "opening", 143, "Ray does not answer\n"),
        ("SIGINT", "begun", 0, ""),
    ],
)
def test_a_signal_ends_a_wait_for_ray_that_never_answers(
    signal: str, phase: str, code: int, told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITS, signal, phase], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, told), done.stderr
