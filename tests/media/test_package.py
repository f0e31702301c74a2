"""What `zrtp.media` offers by name, and what it costs to ask for little."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from tests.support.loading import loaded_by
from zrtp import media


@every("name", media.__all__)
def test_every_public_name_can_be_imported_from_the_package(name: str) -> None:
    assert getattr(media, name).__name__ == name
    assert name in dir(media)


def test_every_public_name_has_one_home() -> None:
    assert sorted(name for names in media._HOMES.values() for name in names) == media.__all__


def test_other_names_are_missed_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match=r"'zrtp\.media' has no attribute 'Telephone'"):
        _ = media.Telephone


@pytest.mark.parametrize(
    ("asked", "spared"),
    [("import zrtp", "zrtp.media"), ("from zrtp.media import classify", "zrtp.media.srtp")],
)
def test_whoever_needs_little_loads_little(asked: str, spared: str) -> None:
    loaded = loaded_by(asked)
    assert spared not in loaded
    assert "asyncio" not in loaded
