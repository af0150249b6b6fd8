"""Networks of torchvision and of timm."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from functools import partial

from trainables.networks.network_error import NetworkError
from trainables.networks.origin import Call, Origin, Sources
from trainables.networks.reference import Reference
from trainables.text.suggestion import nearest_few


def _torchvision(reference: Reference, classes: int, sources: Sources) -> Call:
    from torchvision import models  # takes a second, and few networks need it

    name = reference.name.partition(":")[2]
    known = models.list_models(module=models)
    if name not in known:
        raise NetworkError(_unknown("torchvision", name, known))
    builder = models.get_model_builder(name)
    arguments = {"weights": None, "num_classes": classes}
    if name in ("googlenet", "inception_v3"):  # with auxiliary heads they return tuples in training
        arguments |= {"aux_logits": False, "init_weights": True}
    return partial(builder, **arguments)


def _timm(reference: Reference, classes: int, sources: Sources) -> Call:
    if importlib.util.find_spec("timm") is None:
        raise NetworkError(f"{reference.text} needs timm: pip install timm")
    import timm  # a package of its own, which may be absent

    name = reference.name.partition(":")[2]
    if not timm.is_model(name):
        raise NetworkError(_unknown("timm", name, timm.list_models()))
    return partial(timm.create_model, name, pretrained=False, num_classes=classes)


def _unknown(library: str, name: str, known: Iterable[str]) -> str:
    near = nearest_few(name, known)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f"{library} has no network {name!r}{hint}"


TORCHVISION = Origin(
    r"torchvision:.+", "torchvision:NAME", "a classifier of torchvision", _torchvision
)
TIMM = Origin(r"timm:.+", "timm:NAME", "a network of timm, a package of its own", _timm)
