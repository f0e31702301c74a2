"""Which tests run in which lane."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lanes import LEFT_OUT_OF_QUICK, TESTS, is_left_out, pytest_collection_modifyitems, pytest_ignore_collect


def test_what_quick_leaves_out_exists() -> None:
    assert [place for place in LEFT_OUT_OF_QUICK if not (TESTS / place).exists()] == []
    assert list(LEFT_OUT_OF_QUICK) == sorted(LEFT_OUT_OF_QUICK)


def test_only_a_quick_run_leaves_files_out(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for lane, ignored in (("quick", True), ("not long", None), ("long", None), ("", None)):
        monkeypatch.setattr(pytestconfig.option, "markexpr", lane)
        assert pytest_ignore_collect(TESTS / "security" / "test_floods.py", pytestconfig) is ignored
        assert pytest_ignore_collect(TESTS / "wire" / "test_crc.py", pytestconfig) is None
    assert not is_left_out(TESTS.parent / "zrtp")


def test_a_file_of_long_tests_is_imported_in_the_long_lane_only(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long, partly = tmp_path / "test_long.py", tmp_path / "test_partly.py"
    partly.write_text("import pytest\n\n\n@pytest.mark.long\ndef test() -> None: ...\n")
    for mark in ("pytest.mark.long", "[\n    pytest.mark.usefixtures('peer'),\n    pytest.mark.long,\n]"):
        long.write_text(f"import pytest\n\npytestmark = {mark}\n")
        for lane, ignored in (("quick", True), ("not long", True), ("long", None), ("", None)):
            monkeypatch.setattr(pytestconfig.option, "markexpr", lane)
            assert pytest_ignore_collect(long, pytestconfig) is ignored
            assert pytest_ignore_collect(partly, pytestconfig) is None


def test_a_test_is_quick_unless_it_is_long_or_left_out(request: pytest.FixtureRequest) -> None:
    kinds = {}
    for name, place, mark in (
        ("quick", "wire/test_crc.py", None),
        ("long", "wire/test_crc.py", pytest.mark.long),
        ("left out", "interop/test_rules.py", None),
    ):
        item = pytest.Function.from_parent(request.node.parent, name=name, callobj=lambda: None)
        item.path = TESTS / place
        if mark is not None:
            item.add_marker(mark)
        pytest_collection_modifyitems([item])
        kinds[name] = item.get_closest_marker("quick") is not None
    assert kinds == {"quick": True, "long": False, "left out": False}
