"""Every stage by its name, the most valuable first."""

from benchmarks.gpu.stage import Stage
from benchmarks.gpu.stages import accuracy, check, epoch, fused, sharing, study

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (check.STAGE, epoch.STAGE, accuracy.STAGE, sharing.STAGE, study.STAGE, fused.STAGE)
}
