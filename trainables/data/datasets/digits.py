"""scikit-learn's bundled handwritten digits: 1,797 images, no download."""

from __future__ import annotations

from importlib.metadata import distribution
from typing import TYPE_CHECKING

from trainables.data.datasets.data_source import DataSource
from trainables.data.sources import DataCounts, DataRequest

# numpy and what needs it are imported by `load`: a plan takes a tenth of the time
if TYPE_CHECKING:
    import numpy as np

    from trainables.data.dataset import Dataset

FILE = "sklearn/datasets/data/digits.csv.gz"
SMALL = 8  # pixels, the side of an image there
SIDE = 32  # pixels, as they are shown
COUNTS = DataCounts(classes=10, train_images=1_433, test_images=364, held_out=143, flips=False)


def load_digits(request: DataRequest) -> Dataset:
    """8×8 grey levels of 0 to 16, each pixel repeated to 32×32×3 and 0 to 255, then resized.

    The test set is every fifth image of a class, in scikit-learn's order; no folder is read.
    """
    import numpy as np

    from trainables.data.dataset import make_dataset
    from trainables.data.reading.parts import TEST_STEP, every_nth
    from trainables.data.reading.resize import resize_all

    levels, labels = np.split(_bundled(), [SMALL * SMALL], axis=1)
    grey = np.rint(levels.reshape(-1, SMALL, SMALL) * (255 / 16)).astype(np.uint8)
    enlarged = grey.repeat(SIDE // SMALL, axis=1).repeat(SIDE // SMALL, axis=2)
    images = resize_all(np.repeat(enlarged[..., None], 3, axis=3), request.image_size)
    labels = labels.ravel().astype(np.int64)
    test = every_nth(labels, TEST_STEP)
    return make_dataset(
        "digits",
        "0123456789",
        (images[~test], labels[~test]),
        (images[test], labels[test]),
        flips=False,
    )


def _bundled() -> np.ndarray:
    """scikit-learn's file, read without scikit-learn, whose import takes two seconds of a core.

    (1797, 65): grey levels row by row, and the digit.
    """
    import numpy as np

    package = distribution("scikit-learn")
    return np.loadtxt(str(package.locate_file(FILE)), dtype=np.uint8, delimiter=",")


DIGITS = DataSource(
    name="digits",
    help="scikit-learn's 1,797 handwritten digits, without a download",
    count=lambda request: COUNTS,
    load=load_digits,
    reads=frozenset(),
    is_square=True,
)
