"""A file is replaced whole or stays as it was."""

import os

import pytest

from trainables.files.whole_file import (
    remove_left_drafts,
    whole_file,
    whole_files,
    write_whole,
)


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


def test_a_full_disk_is_told_with_the_file(tmp_path):
    path = tmp_path / "a.json"

    def write():
        with whole_file(path) as draft:
            draft.symlink_to("/dev/full")
            draft.write_bytes(b"x")

    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_with_the_file_not_its_draft(tmp_path):
    path = tmp_path / "none" / "a.json"
    with pytest.raises(FileNotFoundError, match=f"'{path}'"):
        write_whole(path, "x")


def test_drafts_of_killed_processes_are_removed_once_they_are_old(tmp_path):
    with whole_file(tmp_path / "a.json") as draft, whole_files(tmp_path, last="b") as drafts:
        draft.write_text("a")
        (drafts / "b").write_text("b")
        remove_left_drafts(tmp_path, tmp_path / "none")
        assert draft.is_file()
        assert drafts.is_dir()
        mine = {tmp_path / ".speeds.json", tmp_path / "a.0123abcd"}
        for path in (*mine, draft, drafts):
            path.touch()
            os.utime(path, (0, 0))
        remove_left_drafts(tmp_path)
        assert {*tmp_path.iterdir()} == mine
        draft.write_text("a")
        drafts.mkdir()
