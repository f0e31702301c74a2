"""The list of removable checks is up to date: each stands in the code, and its tests exist.

`python -m tests.security.mutate` removes them.
"""

from __future__ import annotations

import pytest

from tests.security.mutate import MUTANTS, ROOT, Mutant, clean, noticed_by
from tests.support.cases import every


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) > 80


@every("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_check_stands_in_the_code_and_its_tests_exist(mutant: Mutant) -> None:
    source = (ROOT / "zrtp" / mutant.file).read_text()
    assert source.count(mutant.check) == 1
    changed = source.replace(mutant.check, mutant.without)
    assert changed != source
    compile(changed, mutant.file, "exec")
    for module in mutant.tests:
        assert (ROOT / "tests" / module).exists(), module


def test_a_check_that_is_gone_fails_the_run() -> None:
    try:
        with pytest.raises(LookupError, match="does not contain this check"):
            noticed_by(Mutant("gone", "secret.py", "no such line", "", ()))
    finally:
        clean()


@pytest.mark.long
def test_a_change_that_matters_to_nobody_is_reported() -> None:
    docstring = '"""A fixed number of secret octets: `len()` gives the size, only `octets` reaches them."""'
    harmless = Mutant("a docstring", "secret.py", docstring, '"""Octets."""', ("protocol/test_nonces.py",))
    try:
        assert noticed_by(harmless) is None
    finally:
        clean()
