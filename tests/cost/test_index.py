"""Numbers by key, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.index import Index


@given(st.lists(st.lists(st.integers(0, 2**62), max_size=60, unique=True), max_size=12), st.randoms())
def test_keys_are_found_again(batches: list[list[int]], random: object) -> None:
    index, known = Index(), dict[int, int]()
    for batch in batches:
        new = [key for key in batch if key not in known]
        assert index.find(np.array(new, dtype=np.int64)).tolist() == [-1] * len(new)
        numbers = list(range(len(known), len(known) + len(new)))
        index.add(np.array(new, dtype=np.int64), np.array(numbers, dtype=np.int64))
        known.update(zip(new, numbers, strict=True))
        keys = np.array(list(known), dtype=np.int64)
        assert index.find(keys).tolist() == [known[key] for key in keys.tolist()]


def test_it_grows() -> None:
    index, keys = Index(), np.arange(20_000) * 512
    for part in np.array_split(keys, 7):
        index.add(part, part + 3)
    assert np.array_equal(index.find(keys.reshape(100, 200)), (keys + 3).reshape(100, 200))
    assert np.all(index.find(keys + 1) == -1)
