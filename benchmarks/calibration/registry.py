"""Every design by name."""

from benchmarks.calibration.best import BEST
from benchmarks.calibration.contrasts import CONTRASTS
from benchmarks.calibration.design import Design
from benchmarks.calibration.questions import QUESTIONS
from benchmarks.calibration.trends import TRENDS
from benchmarks.calibration.tuned import TUNED

DESIGNS: dict[str, Design] = {**CONTRASTS, **BEST, **TRENDS, **TUNED, **QUESTIONS}
