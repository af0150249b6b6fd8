"""Objects that Ray may pickle but nobody will ever unpickle."""

from __future__ import annotations


class PicklesEmpty:
    """Pickles as an empty object.

    Ray saves callbacks, searchers, schedulers and stoppers beside its own state, to restore a run
    from. Runs are restored from the ledger, and ours hold locks, files and the console.
    """

    def __reduce__(self) -> tuple:
        return (object, ())
