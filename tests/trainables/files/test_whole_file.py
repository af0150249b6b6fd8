"""A file is replaced whole or stays as it was."""

import pytest

from trainables.files.whole_file import write_whole


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.json"
    for text in ("old", "ä new one"):
        write_whole(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
