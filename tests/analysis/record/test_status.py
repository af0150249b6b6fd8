"""Every status is placed: whether trials go on, count as final, or can be compared."""

import msgspec
import pytest

from analysis.record.record import decode_lines, encode
from analysis.record.rows import Ended
from analysis.record.status import COMPARABLE, ENDS, OPEN, TrialStatus


@pytest.mark.parametrize("status", TrialStatus)
def test_a_status_is_open_or_an_end(status):
    assert status.is_open == (status in OPEN)
    assert status.is_open or status in ENDS
    assert not (status.is_open and status.is_final)
    assert status in ENDS or status not in COMPARABLE


@pytest.mark.parametrize("status", TrialStatus)
def test_only_an_end_can_end_an_attempt(status):
    line = f'{{"type":"ended","trial_id":"a","attempt":1,"time":0,"status":"{status}","epoch":3}}\n'
    damage = []
    rows = decode_lines(line.encode(), 0, msgspec.json.Decoder(Ended), damage)
    assert bool(rows) == (status in ENDS)
    assert bool(damage) != bool(rows)
    assert all(row.status is status and f'"{status}"'.encode() in encode(rows) for row in rows)
