"""The study of docs/results/study, run or continued: ``make study``, ``make study-small``.

    python -m benchmarks.study --data-dir DIR             # everything: half a day of two cores
    python -m benchmarks.study --data-dir DIR a_weight_decay
    python -m benchmarks.study --data-dir DIR --small     # a quarter of an hour

The spaces run one after the other, each as ``run_tune.py`` would, and the rival of D among them.
What is on record in ``docs/results/study/records`` is put into ``--results-dir`` first, so that
nothing on record is trained again: a ledger without checkpoints loses the epochs of unfinished
trials alone. The small study begins anew. ``--pack`` writes the records from ``--results-dir`` and
runs nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.study.records import PUBLISHED, ROOT, pack, restore
from trainables.files.study_folder import CONFIRMATION, LEDGER

RIVAL = "automatic_ranks"
"""The one of them that is not a space: ``benchmarks/study/automatic_ranks.py``."""

CONFIRMED = {
    "d_families-confirm": ("--confirm=3", "--top=3", "--max-parameters=12400"),
    "d_dense-confirm": ("--confirm=3",),
    "b_decays-confirm": ("--confirm=3", "--confirm-what=question"),
    "c_tucker-confirm": ("--confirm=3", "--confirm-what=question"),
}
"""The options that confirm a study on the test set, by the name of what that makes."""

BORROWING = {
    "d_dense": ("d_families", "d_rates"),
    "all_images_dense": ("all_images",),
    "b_decays": ("b_tensor_train",),
    "c_decays": ("c_tucker",),
    "d_decays": ("d_families", "d_rates", "d_dense"),
    "d_one_percent_rates": ("d_one_percent",),
    "b_decays-confirm": ("d_families-confirm",),
    "c_tucker-confirm": ("d_families-confirm",),
    "d_all_rates": ("d_families", "d_rates", "d_dense", "b_tensor_train", "c_tucker"),
}
"""The studies whose trials of the same ids a later one takes over."""

ORDER = (
    "a_weight_decay",
    "d_families",
    RIVAL,
    "e_protocols",
    "a_constant",
    "b_tensor_train",
    "c_tucker",
    "d_rates",
    "d_dense",
    "all_images",
    "all_images_dense",
    "d_one_percent",
    "d_one_percent_rates",
    "b_decays",
    "c_decays",
    "d_decays",
    *CONFIRMED,
    "d_all_rates",
)
"""As docs/results/study/plan.md has it."""

SMALL = ("small_families",)


def searched(name: str) -> str:
    """The space's name: a confirmation is that of the study that it confirms."""
    return name.removesuffix(CONFIRMATION)


def command(name: str, data_dir: str | None, results: Path) -> list[str]:
    """What runs or continues one of ``ORDER`` or ``SMALL``."""
    if name == RIVAL:
        call = ["-m", f"benchmarks.study.{RIVAL}", "--results-dir", str(results / RIVAL)]
    else:
        space = (PUBLISHED / "spaces" / f"{searched(name)}.toml").relative_to(ROOT)
        call = ["run_tune.py", "--space", str(space), "--results-dir", str(results)]
        call += CONFIRMED.get(name, ())
        call += [f"--reuse-from={results / other}" for other in BORROWING.get(name, ())]
    return [sys.executable, *call, *(["--data-dir", data_dir] if data_dir else [])]


def main(arguments: Sequence[str] | None = None) -> int:
    """The first exit code that is not 0 ends it."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ORDER + SMALL)}")
    parser.add_argument("--data-dir", help="holds cifar-10-batches-py; default: where it is cached")
    parser.add_argument("--results-dir", type=Path, default=Path("results/study"))
    parser.add_argument("--small", action="store_true", help="the order of families, small")
    parser.add_argument("--pack", action="store_true", help="write the records, run nothing")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(ORDER + SMALL):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ORDER + SMALL)}")
    for name in given.names or (SMALL if given.small else ORDER):
        if given.pack:
            if (given.results_dir / name / LEDGER).exists():
                pack(name, given.results_dir)
            continue
        if name not in SMALL:
            for needed in {searched(name), name, *BORROWING.get(name, ())}:
                restore(needed, given.results_dir)
        code = subprocess.run(command(name, given.data_dir, given.results_dir), cwd=ROOT).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
