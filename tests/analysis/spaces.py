"""The spaces of the fixture studies, as ``study.json`` holds them."""

from __future__ import annotations

from typing import Any


def _choice(*values: Any, role: str = "scientific", **when: tuple) -> dict[str, Any]:
    return {"role": role, "domain": {"kind": "choice", "values": list(values)}, "when": when}


def _number(
    kind: str, low: float, high: float, *, log: bool, role: str, **when: tuple
) -> dict[str, Any]:
    domain = {"kind": kind, "low": low, "high": high, "log": log, "grid": []}
    return {"role": role, "domain": domain, "when": when}


RANKED = ("low_rank", "tensor_train")

FAMILIES: dict[str, Any] = {
    "name": "families",
    "question": "Which family of convolutions is best for a parameter budget?",
    "source": "fixture",
    "keys": {
        "layer": _choice("dense", "separable", *RANKED),
        "rank": _number("int", 2, 128, log=True, role="scientific", layer=RANKED),
    },
    "fixed": {"dataset": "digits"},
    "contrast": None,
    "search": "grid",
    "scheduler": "none",
}

RATES: dict[str, Any] = {
    **FAMILIES,
    "name": "rates",
    "question": "Which family is best once rate and decay are tuned?",
    "keys": {
        **FAMILIES["keys"],
        "learning_rate": _number("float", 0.03, 2.0, log=True, role="nuisance"),
        "weight_decay": _number("float", 1e-5, 3e-3, log=True, role="nuisance"),
    },
    "search": "random",
}

DECAY: dict[str, Any] = {
    **FAMILIES,
    "name": "decay",
    "question": "Does compression-scaled weight decay help low-rank networks?",
    "keys": {
        "rank_divisor": _number("int", 2, 31, log=False, role="scientific"),
        "weight_decay_scaling": _choice(0.0, 1.0),
    },
    "fixed": {"dataset": "digits", "layer": "low_rank"},
    "contrast": {"key": "weight_decay_scaling", "baseline": 0.0, "treatment": 1.0},
}
