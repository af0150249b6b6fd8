"""What the keys of images must satisfy together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def image_problems(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Values of image_size, crop, cutout, random_resized_crop that do not go together."""
    keys = {**defaults, **values}
    side, crop, cutout = keys["image_size"], keys["crop"], keys["cutout"]
    problems = []
    if crop is not None and crop >= side:
        problems.append(
            f"crop pads by reflection, so that it must be below image_size ({side}), got {crop}"
        )
    if cutout is not None and cutout > side:
        problems.append(f"cutout must be at most image_size ({side}), got {cutout}")
    if crop and keys["random_resized_crop"]:
        problems.append(
            f"random_resized_crop takes the place of crop, got both ({crop} and "
            f"{keys['random_resized_crop']}); drop one"
        )
    return problems
