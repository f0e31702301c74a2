"""The sample of changes is repeatable, and each change meets the tests of its module first."""

from __future__ import annotations

import pytest

from tests.security.mutations import mutations
from tests.security.sample import DOOR, PACKAGE, REASONS, ROOMS, sample, stages


@pytest.mark.long
def test_a_seed_always_draws_the_same_changes() -> None:
    first, again, other = (list(map(str, sample(seed, 40, ("wire",)))) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) > 35


def test_the_tests_of_the_module_come_first_then_those_of_its_folder() -> None:
    assert list(stages(PACKAGE / "wire" / "crc.py")) == [("tests/wire/test_crc.py",), ("tests/wire",)]
    assert list(stages(PACKAGE / "wire" / "__init__.py")) == [("tests/wire",)]
    folders = [("tests/media/srtp/test_sender.py",), ("tests/media/srtp",), ("tests/media", *DOOR)]
    assert list(stages(PACKAGE / "media" / "srtp" / "sender.py")) == folders


@pytest.mark.long
def test_every_reason_is_about_a_change_that_can_be_made() -> None:
    possible = {
        f"{path.name} {str(one).partition(' ')[2]}"
        for room in ROOMS
        for path in (PACKAGE / room).rglob("*.py")
        for one in mutations(path)
    }
    assert set(REASONS) - possible == set()
    assert all(len(reason.split()) >= 5 for reason in REASONS.values())
