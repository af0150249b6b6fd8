"""Where a study's checkpoints go is told where they went elsewhere, without the storage's keys."""

from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import StudyName
from tune_app.study.storage_owner import take_storage
from tune_app.study.study_file import write_information
from tune_app.study.study_name import moved_storage


def test_where_checkpoints_go_from_now_on_is_told_where_they_went_elsewhere(tmp_path):
    paths = StudyPaths(tmp_path / "study")
    here, bucket = str(paths.checkpoints), "s3://bucket/runs/study-c3?region=x"
    assert moved_storage(paths, bucket) == ""  # it has not begun
    paths.folder.mkdir()
    write_information(paths.study, {"id": "c3", "shared_name": "study-c3"})
    assert moved_storage(paths, here) == ""
    told = moved_storage(paths, bucket.replace("://", "://key:secret@"))
    assert f"go to s3://bucket/runs/study-c3 from now on, and went to {here}: " in told
    document = {"id": "c3", "shared_name": "study-c3", "storage": "s3://bucket/runs?region=x"}
    write_information(paths.study, document)
    assert moved_storage(paths, bucket.replace("://", "://key:secret@")) == ""
    assert f"go to {here} from now on, and went to s3://bucket/runs/study-c3" in moved_storage(
        paths, here
    )


def test_keys_of_a_storage_are_not_told_where_a_copys_checkpoints_go(bucket, tmp_path, lines):
    paths = StudyPaths(tmp_path / "copy")
    storage = bucket.uri(tmp_path.name)
    assert "secret" in storage
    take_storage(storage, StudyName("d4", "copy-d4"), paths, "study-c3")
    (line,) = lines
    assert "copied to s3://bucket/" in line
    assert "secret" not in line
