"""What is used of Ray's internals is there, and a Ray without it is named with what to do."""

import pytest
import ray
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ray._private import services
from ray.tune.execution.tune_controller import TuneController

from tests.test_environment import RUNTIME
from tune_app.nodes.ray_internals import INTERNALS, TRIED, missing_internals


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
