"""The interface of a data set: facts before it is read, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainables.data.sources import DataCounts, DataRequest

if TYPE_CHECKING:  # numpy takes a tenth of a second that a plan need not wait for
    from trainables.data.dataset import Dataset


OPTIONS = {
    "data_dir": (
        "--data-dir",
        "no folder is read; leave it out, or add --dataset folder for images of your own",
    ),
    "download": ("--download", "nothing is downloaded; leave it out"),
    "skip_unreadable": ("--skip-unreadable", "no image files are read one by one; leave it out"),
}
"""The fields of ``DataRequest`` that are options: the flag, and why one may have no effect."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """An entry of ``DATASETS``. All but ``load`` are quick and import nothing heavy.

    help: one line for --help.
    count: looks at the files, as far as it can without opening one; raises DatasetError with
        everything that is wrong. Files that will be downloaded when loaded pass.
    load: reads the images; raises DatasetError.
    spelled: the one spelling of a name, whatever others there are for it.
    is_present: whether ``load`` will do without a download.
    download_bytes: the room that a download takes, with what is unpacked from it.
    digest: hex digest of the labels and pixels, for data that are a person's own; None where the
        name says which images they are. Reads every file that it does not remember.
    notes: sentences that plan, report and card repeat: the layout, what was passed over.
    reads: the options of ``OPTIONS`` that have an effect on it.
    is_square: whether each of its images is a square, so that ``resize`` has no effect.
    """

    name: str
    help: str
    count: Callable[[DataRequest], DataCounts]
    load: Callable[[DataRequest], Dataset]
    spelled: Callable[[str], str] = lambda dataset: dataset
    is_present: Callable[[DataRequest], bool] = lambda request: True
    download_bytes: int = 0
    digest: Callable[[DataRequest], str] | None = None
    notes: Callable[[DataRequest], list[str]] = lambda request: []
    reads: frozenset[str] = frozenset({"data_dir"})
    is_square: bool = False

    def unread_options(self, request: DataRequest) -> list[str]:
        """One sentence for each option of the request that would have no effect."""
        sentences = []
        for name, (flag, why) in OPTIONS.items():
            given = getattr(request, name)
            if given and name not in self.reads:
                option = flag if given is True else f"{flag} {given}"
                sentences.append(f"{option} has no effect on {request.dataset}: {why}")
        return sentences
