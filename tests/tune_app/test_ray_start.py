"""Ray that dies while a study is opened: one line, nothing lost."""

import threading
import time

import psutil
import pytest
import ray

from tests.tune_app.workload import plan_of, planned, space
from tune_app import cluster
from tune_app.errors import WrongUse
from tune_app.options import RunOptions
from tune_app.study import Setting, run_study

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(240)]


def kill_while_the_data_is_read(part: str) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        ours = {process.name(): process for process in psutil.Process().children(recursive=True)}
        if "ray::_load" in ours:
            ours[part].kill()
            return
        time.sleep(0.01)


@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_ray_that_ends_before_the_search_began_is_one_line_and_costs_nothing(tmp_path, part):
    """Later than that it is a matter of the search, which starts Ray anew."""
    trial = planned(dataset="digits")
    fixed = {"layer": "low_rank", "rank": 4, "width": 8, "epochs": 9, "dataset": "digits"}
    lines: list[str] = []
    killer = threading.Thread(target=kill_while_the_data_is_read, args=(part,))
    killer.start()
    outcome = run_study(
        plan_of([trial], space=space(fixed=fixed)),
        RunOptions(space="scripted", results_dir=tmp_path, name="study", command="again"),
        Setting(preload=(), say=lines.append, report=False),
    )
    killer.join()
    assert outcome.exit_code == 1
    reason, advice = lines
    assert reason.startswith("the search did not begin, and nothing is lost: Ray")
    assert "\n" not in reason
    assert advice == "to continue: python again"
    assert [path.name for path in (tmp_path / "study").iterdir()] == []
    assert not ray.is_initialized()


def test_an_address_where_no_cluster_answers_is_wrong_use():
    with pytest.raises(WrongUse, match=r"--address 127\.0\.0\.1:9: no Ray cluster answers there"):
        cluster.start("127.0.0.1:9")
