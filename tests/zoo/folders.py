"""Faults in a folder of images."""

from pathlib import Path


def break_three(images: Path) -> list[Path]:
    broken = [images / "train" / "cat" / "03.png", images / "test" / "dog" / "00.png"]
    for path in broken:
        path.write_bytes(path.read_bytes()[:100])
    (images / "train" / "dog" / "gone.png").symlink_to(images / "nowhere.png")
    return [*broken, images / "train" / "dog" / "gone.png"]
