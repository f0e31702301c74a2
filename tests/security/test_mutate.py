"""The list of removable checks is up to date: each stands in the code once, and its tests exist.

`python -m tests.security.mutate` removes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.checks import CHECKS, Check, files_called
from tests.security.mutate import without
from tests.support.cases import every


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 89


@pytest.mark.long
@every("check", CHECKS, ids=lambda check: check.name)
def test_check_stands_in_the_code_once_and_its_tests_exist(check: Check) -> None:
    assert check.found().text != check.without
    for name in check.tests:
        assert files_called(name), name


@pytest.mark.long
@every("check", CHECKS, ids=lambda check: check.name)
def test_without_a_check_the_module_still_compiles(check: Check) -> None:
    change = without(check)
    compile(change.source, change.path, "exec")


def test_a_check_that_is_gone_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "door.py").write_text("if locked:\n    stop()\nif locked:\n    stop()\n")
    with pytest.raises(LookupError, match="found: nowhere"):
        Check("gone", "if no_such_thing: ...", "", ()).found(tmp_path)
    with pytest.raises(LookupError, match=r"found: door\.py:1 , door\.py:3"):
        Check("twice", "if locked: ...", "", ()).found(tmp_path)
