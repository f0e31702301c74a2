"""The list of removable checks is up to date: each stands in the code once, and its tests exist.

`python -m tests.security.mutate` removes them.
"""

from __future__ import annotations

import pytest

from tests.security.checks import CHECKS, Check, files_called
from tests.security.mutate import clean, noticed_by
from tests.support.cases import every


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 89


@every("check", CHECKS, ids=lambda check: check.name)
def test_check_stands_in_the_code_once_and_its_tests_exist(check: Check) -> None:
    found = check.found()
    changed = found.without(check.without)
    assert changed != found.without(found.text)
    compile(changed, found.path, "exec")
    for name in check.tests:
        assert files_called(name), name


def test_a_check_that_is_gone_fails_the_run() -> None:
    gone = Check("gone", "if no_such_thing: ...", "", ())
    with pytest.raises(LookupError, match="found: nowhere"):
        noticed_by(gone)


@pytest.mark.long
def test_a_change_that_matters_to_nobody_is_reported() -> None:
    harmless = Check("a docstring", '"""A fixed number of secret octets..."""', '"""Octets."""', ("test_nonces",))
    try:
        assert noticed_by(harmless) is None
    finally:
        clean()
