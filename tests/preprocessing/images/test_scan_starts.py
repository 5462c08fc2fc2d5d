"""Counting scan markers in large files is the same count, only faster."""

from hypothesis import example, given
from hypothesis import strategies as st

from preprocessing.images.jpeg import START_OF_SCAN, count_scan_starts

_PIECES = st.lists(st.sampled_from([START_OF_SCAN, b"\xff", b"\xda", b"\xff\x00", b"\xda\xff", b"ab"]), max_size=40)


@given(_PIECES, st.integers(0, 3), _PIECES)
@example([START_OF_SCAN], 0, [START_OF_SCAN])
@example([b"\xff"], 1, [b"\xda"])
def test_large_files_are_counted_as_small_ones_are(before, more, after):
    data = b"".join(before) + b"\xff" * (20_000 + more) + b"".join(after)
    assert count_scan_starts(data) == data.count(START_OF_SCAN)
    assert count_scan_starts(data[:100]) == data[:100].count(START_OF_SCAN)
