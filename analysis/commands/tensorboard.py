"""Rebuilds a study's TensorBoard files."""

from __future__ import annotations

from analysis.commands.arguments import Study, print_text
from analysis.study.study import load_study
from analysis.tensorboard.writer import write_tensorboard


def run(study: Study) -> None:
    """Writes the files; prints their folder."""
    print_text(str(write_tensorboard(load_study(study))))
