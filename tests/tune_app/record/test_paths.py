"""A study's folder bears its own name."""

import json
from pathlib import Path

from tune_app.command.options import RunOptions
from tune_app.record.paths import free_aside, study_paths


def folder(results: Path, **options) -> str:
    given = RunOptions(space="tucker", results_dir=results, **options)
    return study_paths(given, "tucker").folder.name


def test_a_presets_study_does_not_collide_with_the_whole_one(tmp_path: Path) -> None:
    assert folder(tmp_path) == "tucker"
    assert folder(tmp_path, preset="quick") == "tucker-quick"
    assert folder(tmp_path, preset="quick", name="mine") == "mine"


def test_a_presets_study_that_has_the_spaces_name_goes_on(tmp_path: Path) -> None:
    (tmp_path / "tucker").mkdir()
    begun = tmp_path / "tucker" / "study.json"
    begun.write_text(json.dumps({"options": {"preset": "full"}}))
    assert folder(tmp_path, preset="quick") == "tucker-quick"
    begun.write_text(json.dumps({"options": {"preset": "quick"}}))
    assert folder(tmp_path, preset="quick") == "tucker"
    (tmp_path / "tucker-quick").mkdir()
    assert folder(tmp_path, preset="quick") == "tucker-quick"


def test_what_is_moved_aside_replaces_nothing(tmp_path: Path) -> None:
    """Three within a second, as when a clock is set back."""
    moved = []
    for content in "abc":
        (tmp_path / "ledger.jsonl").write_text(content, encoding="utf-8")
        moved.append((tmp_path / "ledger.jsonl").rename(free_aside(tmp_path / "ledger.jsonl")))
    assert [path.read_text(encoding="utf-8") for path in moved] == ["a", "b", "c"]
