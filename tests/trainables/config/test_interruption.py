"""A signal ends every program with a word and a code, from its first import on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STUDY = ROOT / "tests" / "fixtures" / "before_rooms" / "before_rooms"

PROGRAMS = {
    "search": [str(ROOT / "run_tune.py"), "--space", "quickstart", "--plan"],
    "ranktune": [
        "-c",
        "import sys; sys.argv = ['ranktune', '--list-spaces']; from run_tune import main; "
        "sys.exit(main())",
    ],
    "analysis": ["-m", "analysis", "status", str(STUDY)],
    "trainables": ["-m", "trainables", "layers"],
}
WHEN = {
    "in an import": "press()",
    "in a callback, where Python would print it and go on": "class Short:\n"
    "    def __del__(self):\n"
    "        press()\n"
    "Short()",
    "in code that drops it and is half done": "try:\n"
    "    press()\n"
    "except KeyboardInterrupt:\n"
    "    pass\n"
    "raise AttributeError('half')",
    "in code from a string": "exec('press()')",
}
PRESS = "import os, time\ndef press():\n    os.kill(0, {number})\n    time.sleep(.3)\n"
INTERRUPTED = (130, "", "interrupted\n")
ENDS = {
    signal.SIGINT: INTERRUPTED,
    signal.SIGTERM: (143, "", "interrupted by SIGTERM\n"),
    signal.SIGHUP: (129, "", "interrupted by SIGHUP\n"),
}


def interrupted(
    program: str, module: str, when: str, folder: Path, number: int = signal.SIGINT
) -> tuple[int, str, str]:
    """What the program returns and says where a signal comes as it imports a module."""
    press = PRESS.format(number=int(number))
    (folder / f"{module}.py").write_text(f"{press}{WHEN[when]}\n")
    return run_python(PROGRAMS[program], folder)


def run_python(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    """What Python returns and says, with the modules of ``folder``."""
    paths = [str(folder), str(ROOT)]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        preexec_fn=_heed_signals,
    )
    return done.returncode, done.stdout, done.stderr


def _heed_signals() -> None:
    """What a job in the background or under nohup ignores, its children ignore, too."""
    for number in ENDS:
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_before_a_program_has_begun(program: str, number: int, tmp_path: Path) -> None:
    when = "in a callback, where Python would print it and go on"
    assert interrupted(program, "typer", when, tmp_path, number) == ENDS[number]


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("when", WHEN)
def test_where_a_program_imports_more(when: str, number: int, tmp_path: Path) -> None:
    assert interrupted("analysis", "pandas", when, tmp_path, number) == ENDS[number]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_job_that_ignores_a_signal_stays_deaf(number: int, tmp_path: Path) -> None:
    press = PRESS.format(number=int(number)).replace(".3", "0")
    (tmp_path / "typer.py").write_text(f"{press}press()\nraise SystemExit(7)\n")
    done = subprocess.run(
        [sys.executable, *PROGRAMS["search"]],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert done.returncode == 7


MAIN = """
import os, signal, sys, time
from trainables.config.starting import Starting
Starting(program=True)
from trainables.config.interruption import interruptible

def press(seconds):
    os.kill(os.getpid(), {number})
    time.sleep(seconds)

def drop():
    try:
        press(1)
    except KeyboardInterrupt:
        pass

class AtTheEnd:
    def __del__(self, kill=os.kill, pid=os.getpid(), number={number}):
        kill(pid, number)

@interruptible
def main():
    {body}
    print("done", flush=True)
    return 0

sys.exit(main())
"""


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import dropping; time.sleep(9)", ""),  # as torch's C++ does as it is imported
        ("drop(); time.sleep(9)", ""),
        ("drop()", "done\n"),
    ],
)
def test_at_any_moment_of_a_program(body: str, said: str, number: int, tmp_path: Path) -> None:
    (tmp_path / "dropping.py").write_text("import __main__\n__main__.drop()\n")
    code, _, word = ENDS[number]
    main = MAIN.format(body=body, number=int(number))
    assert run_python(["-c", main], tmp_path) == (code, said, word)


@pytest.mark.parametrize("number", ENDS)
def test_as_python_takes_itself_down(number: int, tmp_path: Path) -> None:
    main = MAIN.format(body="sys.modules['builtins'].kept = AtTheEnd()", number=int(number))
    assert run_python(["-c", main], tmp_path) == (0, "done\n", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_python_without_docstrings_is_refused_at_once(program: str) -> None:
    """Ray and altair end in a traceback as they are imported, the first after Ray has started."""
    command = [sys.executable, "-OO", *PROGRAMS[program]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = "error: PYTHONOPTIMIZE=2 (python -OO) removes docstrings, which Ray and altair need"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(told)
