"""Words that stand in several sentences; the sentences are where the screen is tested."""

from __future__ import annotations

import pytest

from zrtp.cli.screen import wording


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 seconds"), (0.5, "0.5 seconds"), (1.0, "1 second"), (2.0, "2 seconds")]
)
def test_one_second_is_no_plural(count: float, words: str) -> None:
    assert wording.seconds(count) == words
