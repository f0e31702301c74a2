"""Code is found by its shape, and taken out in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.structure import Found, find, guards

SOURCE = '''"""A module."""

class Door:
    def _open(self, key, message):
        # The check.
        if message is None or not compare_digest(
            self._mac(key), message.mac
        ):
            raise Refused("The MAC is wrong.")
        self.log.note(f"opened by {key}", loud=True)
        if self.state.enrol:
            self.store(key)
        else:
            self.offer(key)
        return message.raw

def shut(door):
    if door.mac == door.mac:
        door.log.note("shut")
    if door.locked:
        drop("locked already")
    verify(door)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "door.py").write_text(SOURCE)
    (tmp_path / "empty.py").write_text("")
    return tmp_path


def only(found: list[Found]) -> Found:
    (one,) = found
    return one


def changed(found: Found, replacement: str) -> tuple[str, str]:
    """The lines that differ, before and after, each with single spaces."""
    after = found.without(replacement)
    compile(after, "door.py", "exec")
    size = next(n for n in range(1, len(SOURCE)) if SOURCE[-n] != after[-n]) - 1
    start = next(n for n in range(len(SOURCE)) if SOURCE[n] != after[n])
    cut = SOURCE[start : len(SOURCE) - size], after[start : len(after) - size]
    return " ".join(cut[0].split()), " ".join(cut[1].split())


def test_layout_and_underscores_do_not_matter(package: Path) -> None:
    found = only(find("not compare_digest(_.mac(_KEY), _.mac)", package))
    assert (found.path.name, found.function) == ("door.py", "Door._open")
    assert str(found) == "door.py:6 Door._open"
    assert "if message is None or (False):" in found.without("False")
    assert "# The check." in found.without("False")


def test_a_gap_is_taken_over(package: Path) -> None:
    found = only(find("_X is None or not compare_digest(...)", package))
    assert "if (message is None):" in found.without("_X is None")


def test_the_same_gap_is_the_same_code(package: Path) -> None:
    assert only(find("_X == _X", package)).function == "shut"
    assert find("_X == _Y.lock", package) == []


def test_a_statement_is_replaced_or_taken_out(package: Path) -> None:
    assert changed(only(find("verify(_)", package)), "") == ("verify(door)", "pass")
    noted = only(find("_X.note(...)", package, "open"))
    assert "\n        self.log.hide()\n        go()\n        if" in noted.without("_X.hide(); go()")
    raised = only(find('raise Refused("The MAC...")', package))
    assert changed(raised, "") == ('raise Refused("The MAC is wrong.")', "pass")


def test_a_body_is_kept_where_the_replacement_has_one(package: Path) -> None:
    found = only(find("if _.enrol: ...", package))
    assert "if True:\n            self.store(key)\n" in found.without("if True: ...")


def test_a_text_is_known_by_its_beginning(package: Path) -> None:
    assert only(find('_.note("opened...", loud=True)', package)).function == "Door._open"
    assert find('_.note("closed...", loud=True)', package) == []


def test_the_name_of_a_function_tells_two_places_apart(package: Path) -> None:
    assert len(find("_.note(...)", package)) == 2
    assert only(find("_.note(...)", package, "shut")).node.lineno > 18
    assert only(find("_.note(...)", package, "Door.open")).node.lineno < 18
    assert find("_.note(...)", package, "pen") == []


def test_a_condition_is_known_by_what_comes_of_it(package: Path) -> None:
    assert only(guards("locked already", package)).text == "door.locked"
    assert only(guards("MAC is wrong", package)).text.startswith("message is None")
    assert guards("MAC is right", package) == []


def test_a_statement_cannot_stand_inside_an_expression(package: Path) -> None:
    with pytest.raises(ValueError, match="no statement of its own"):
        only(find("_X == _X", package)).without("pass")
