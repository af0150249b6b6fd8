"""What is used of Ray's internals is there, and a Ray without it is named with what to do."""

import pytest
import ray
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ray._private import services
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.tune.execution.tune_controller import TuneController

from tests.test_environment import RUNTIME
from tune_app.nodes.ray_internals import INTERNALS, TRIED, missing_internals
from tune_app.nodes.tune_internals import survive_odd_losses


def test_this_ray_has_every_name_that_is_patched():
    assert missing_internals() == []
    assert SpecifierSet(TRIED).contains(ray.__version__)


@pytest.mark.parametrize(
    ("owner", "name"), [(services, "get_node"), (TuneController, "_maybe_reuse_cached_actor")]
)
def test_a_ray_without_a_name_is_told_in_one_sentence(owner, name, monkeypatch):
    monkeypatch.delattr(owner, name)
    (sentence,) = missing_internals()
    (path,) = (path for path in INTERNALS if path.endswith(name))
    assert sentence.startswith(f"Ray {ray.__version__} has no {path}, which ")
    assert sentence.endswith(f"or bound ray below {ray.__version__}")


def test_a_module_that_is_gone_is_told_too(monkeypatch):
    monkeypatch.setitem(INTERNALS, "ray._private.gone:name", "start")
    (sentence,) = missing_internals()
    assert "has no ray._private.gone:name" in sentence


def test_ray_is_bounded_by_what_was_tried():
    (ray_itself,) = (one for one in map(Requirement, RUNTIME) if one.name == "ray")
    assert ray_itself.specifier == SpecifierSet(TRIED)


def test_tune_takes_a_worker_for_lost_whatever_error_ray_has_for_it(monkeypatch):
    heard = []
    monkeypatch.setattr(
        RayActorManager,
        "_actor_task_failed",
        lambda self, tracked_actor_task, exception: heard.append(exception),
    )
    survive_odd_losses()
    low = ray.exceptions.OutOfMemoryError("the node running low on memory")
    lost = ray.exceptions.ActorDiedError()
    bug = ValueError("not Ray's")
    for error in (low, lost, bug):  # as Tune calls it
        RayActorManager._actor_task_failed(None, tracked_actor_task=None, exception=error)
    assert isinstance(heard[0], ray.exceptions.RayActorError)
    assert "low on memory" in str(heard[0])
    assert heard[1:] == [lost, bug]
