"""Every design by name."""

from benchmarks.calibration.best import BEST
from benchmarks.calibration.confirmed import CONFIRMED
from benchmarks.calibration.contrasts import CONTRASTS
from benchmarks.calibration.dependent import DEPENDENT
from benchmarks.calibration.design import Design
from benchmarks.calibration.hard import HARD
from benchmarks.calibration.limits import LIMITS
from benchmarks.calibration.missing import MISSING
from benchmarks.calibration.questions import QUESTIONS
from benchmarks.calibration.selected import SELECTED
from benchmarks.calibration.trends import TRENDS
from benchmarks.calibration.tuned import TUNED
from benchmarks.calibration.uneven import UNEVEN

DESIGNS: dict[str, Design] = {
    **CONTRASTS, **UNEVEN, **BEST, **MISSING, **HARD, **LIMITS, **DEPENDENT, **CONFIRMED,
    **SELECTED, **QUESTIONS, **TUNED, **TRENDS,
}  # fmt: skip
