"""scikit-learn's bundled handwritten digits: 1,797 images, no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainables.data import SIDE, Dataset, make_dataset

TEST_SHARE = 5  # every fifth image of each class


def load_digits(data_dir: Path | None = None) -> Dataset:
    """8×8 grey levels of 0 to 16, each pixel repeated to 32×32×3 and 0 to 255.

    The test set is every fifth image of a class, in scikit-learn's order; ``data_dir`` is not used.
    """
    # Importing scikit-learn takes a second, which other data sets need not wait for.
    from sklearn.datasets import load_digits as read_digits

    bundle = read_digits()
    grey = np.rint(bundle.images * (255 / 16)).astype(np.uint8)  # (N, 8, 8)
    enlarged = grey.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
    images = np.repeat(enlarged[..., None], 3, axis=3)
    labels = bundle.target.astype(np.int64)
    test = _every_nth(labels, TEST_SHARE)
    names = [str(name) for name in bundle.target_names]
    return make_dataset(
        "digits", names, (images[~test], labels[~test]), (images[test], labels[test]), flips=False
    )


def _every_nth(labels: np.ndarray, step: int) -> np.ndarray:
    """A mask of every ``step``-th image of each class."""
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mask[np.flatnonzero(labels == label)[::step]] = True
    return mask
