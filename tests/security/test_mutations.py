"""Which small changes are made of a module, and which are not."""

from __future__ import annotations

from pathlib import Path

from tests.security.mutations import mutations

SOURCE = '''"""Text."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from somewhere import Thing

LIMIT = 7


class Door:
    """Text."""

    __slots__ = ("key",)

    def open(self, key: int, loud: bool = False) -> str:
        """Text."""
        if key < LIMIT and not self.locked:
            raise ValueError(f"{key + 1} is too low")
        logger.debug("opened %s", key)
        self.key = key * 2
        self.ring()
        return "loud" if loud else "quiet"

    def __repr__(self) -> str:
        return "Door" + str(1 + 1)
'''


def changes(path: Path) -> set[tuple[int, str, str]]:
    path.write_text(SOURCE)
    return {(one.line, one.before, one.after) for one in mutations(path)}


def test_every_change_of_a_small_module(tmp_path: Path) -> None:
    condition = "key < LIMIT and (not self.locked)"
    assert changes(tmp_path / "door.py") == {
        (7, "7 in LIMIT = 7", "8"),
        (15, "False", "True"),
        (17, condition, "key < LIMIT"),
        (17, condition, "not self.locked"),
        (17, condition, "False"),
        (17, condition, "True"),
        (17, "key < LIMIT", "key <= LIMIT"),
        (17, "not self.locked", "self.locked"),
        (18, "raise ValueError(f'{key + 1} is too low')", ""),
        (20, "self.key = key * 2", ""),
        (20, "key * 2", "key // 2"),
        (20, "2 in self.key = key * 2", "3"),
        (21, "self.ring()", ""),
        (22, "loud", "False"),
        (22, "loud", "True"),
    }


def test_each_is_one_change_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "door.py"
    path.write_text(SOURCE)
    sources = {one.source() for one in mutations(path)}
    assert len(sources) == len(mutations(path))
    for source in sources:
        compile(source, "door.py", "exec")
        different = [one for one, other in zip(SOURCE.splitlines(), source.splitlines(), strict=True) if one != other]
        assert len(different) == 1
    assert str(mutations(path)[0]) == "door.py:7 : 7 in LIMIT = 7 -> 8"
