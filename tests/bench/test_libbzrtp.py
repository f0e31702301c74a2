"""The C program beside the bench makes complete handshakes of libbzrtp."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.bench.libbzrtp import SUITES, Libbzrtp, NotMeasurable


@pytest.fixture(scope="module")
def program() -> Iterator[Libbzrtp]:
    try:
        compiled = Libbzrtp()
    except NotMeasurable as reason:
        pytest.skip(str(reason))
    with compiled:
        yield compiled


@pytest.mark.parametrize("suite", SUITES)
def test_each_handshake_has_a_time(program: Libbzrtp, suite: str) -> None:
    timing = program.measure(suite, 2, warm_up=1)

    assert len(timing.samples) == 2
    assert all(seconds > 0 for seconds in timing.samples)


def test_a_suite_that_it_does_not_have_is_said(program: Libbzrtp) -> None:
    with pytest.raises(NotMeasurable, match="no such suite"):
        program.measure("EC25", 1)


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NotMeasurable, match="apt install gcc libbzrtp-dev"):
        Libbzrtp()
