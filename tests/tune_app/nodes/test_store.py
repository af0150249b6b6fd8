"""Ray's object store on one machine."""

import time
from pathlib import Path

import numpy as np
import ray


def test_data_that_nearly_fill_the_store_are_not_copied_to_disk(ray_here):
    kept = ray.put(np.zeros(72_000_000, np.uint8))  # nine tenths; CIFAR-10 fills eight
    time.sleep(1.5)  # Ray looks once a second
    logs = Path(ray._private.worker._global_node.get_logs_dir_path())
    assert "object spilling" not in (logs / "raylet.out").read_text()
    assert ray.get(kept).nbytes == 72_000_000
