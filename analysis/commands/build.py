"""Rebuilds a study's tables and its report."""

from __future__ import annotations

from analysis.charts.pictures import Pictures
from analysis.commands.arguments import Study, print_text
from analysis.study.study import load_study, write_study_tables


def run(study: Study) -> None:
    """Writes tables and report; prints their paths and the main claim."""
    with Pictures() as pictures:  # the engine of pictures starts while the rest is imported
        from analysis.claims.answers import answer
        from analysis.report.report import write_report

        read = load_study(study, rebuild=True)
        for path in (*write_study_tables(read), write_report(read, pictures)):
            print_text(str(path))
        sentence = answer(read).words
    print_text(sentence)
