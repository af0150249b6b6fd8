"""All that is wrong with a space's file is told at once, beside what is wrong elsewhere."""

from pathlib import Path

import pytest

from run_tune import main

MISTAKEN = """
[space]
question = "?"
search = "optun"
scheduler = "ahsa"
{head}
[fixed]
wdith = 4
[keys.rnak]
values = [1, 2]
"""
KEYS = ["unknown key 'wdith': did you mean 'width'?", "unknown key 'rnak': did you mean 'rank'?"]
SEARCH, SCHEDULER = "unknown search 'optun'", "unknown scheduler 'ahsa'"


@pytest.mark.parametrize(
    ("head", "words", "told"),
    [
        ("", "", [*KEYS, SEARCH, SCHEDULER]),
        ("sed = 3", "", [*KEYS, SEARCH, SCHEDULER, "space.sed: unknown; did you mean 'seeds'?"]),
        ("", "--search grid", [*KEYS, SCHEDULER]),
        ("", "--search gird --objective size", [*KEYS, SCHEDULER, "'gird'", "objective 'size'"]),
        ("sed = 3", "--scheduler none --lr 1", [*KEYS, SEARCH, "space.sed: unknown", "'--lr'"]),
    ],
)
def test_everything_is_told_once(
    head: str,
    words: str,
    told: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "mistaken.toml"
    path.write_text(MISTAKEN.format(head=head), encoding="utf-8")
    assert main(["--space", str(path), "--plan", *words.split()]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    for part in told:
        assert sum(part in line for line in lines) == 1
