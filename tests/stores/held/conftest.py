"""Limits so low that few devices go through everything that a million would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleetgui.stores.held import cells, columns, ordering, ranks, search, snapshot, texts


@pytest.fixture(scope="module")
def small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_FEW", 2)
        patch.setattr(columns, "MOST_SHARED", 8)
        patch.setattr(texts, "SEGMENT_TEXTS", 5)
        patch.setattr(ranks, "MOST_INSERTED", 6)
        patch.setattr(snapshot, "MOST_RANKED", 2)
        patch.setattr(ordering, "_BITS", 12)
        patch.setattr(cells, "SHIFT", 2)
        patch.setattr(cells, "BLOCK", 4)
        yield
