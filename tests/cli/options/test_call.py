"""What the options of a call mean together, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.options.settings import complaint, parse
from tests.support.cases import every
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.errors import Exit
from zrtp.cli.options import cache
from zrtp.cli.options.verdict import Verdict


def test_nothing_has_to_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "default_path", lambda: tmp_path / "secrets.db")
    given = parse()

    assert given.cache == tmp_path / "secrets.db"
    assert (given.audio, given.record, given.seconds, given.name) == (None, None, None, None)
    assert (given.aux, given.peer_hash, given.ssrc, given.impair) == (None, None, None, Impairment())
    assert not (given.json or given.plain or given.verbose or given.config.passive)


def test_encryption_may_be_switched_off_only_if_that_is_allowed() -> None:
    assert not parse().config.allow_clear
    assert parse("--allow-clear").config.allow_clear


@every(
    ("arguments", "part"),
    [
        (["--agreement", "X255,FOO"], "FOO is not among the key agreements known here: DH2k, X255"),
        (["--sas", ","], "the list is empty"),
        (["--ssrc", "12345678a"], "is not a number of up to eight hexadecimal digits"),
        (["--seconds", "-1"], "is not a number of seconds"),
        (["--seconds", "soon"], "is not a number of seconds"),
        (["--peer-hash", "1.10 abc"], "is not a zrtp-hash"),
        (["--impair", "loss=2"], "loss is a share"),
        (["--bind", "192.0.2.1:99999"], "there is no port 99999: the last one is 65535"),
        (["--verify", "perhaps"], "'perhaps' is not known: known are ask, match, mismatch, later"),
        (["--nonsense"], "there is no option --nonsense"),
        (["--agreement", "DH2k,X255,E255,K255,EC25,X448,K448,EC38"], "lists 8 algorithms"),
    ],
)
def test_wrong_options_are_usage_errors_with_a_hint(arguments: list[str], part: str) -> None:
    error = complaint(*arguments)

    assert part in str(error)
    assert error.code is Exit.USAGE


def test_the_rest_is_taken_over() -> None:
    given = parse(
        "--bind=127.0.0.1:0", "--cache=none", "--role=passive", "--ssrc=dEADbeef", "--seconds=2.5", "--verify=match"
    )

    assert given.bind == ("127.0.0.1", 0)
    assert given.cache is None
    assert given.config.passive
    assert given.ssrc == 0xDEADBEEF
    assert given.seconds == 2.5
    assert given.verdict is Verdict.MATCH
