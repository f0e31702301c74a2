"""The matrix says what a run noted, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.matrix import BEGIN, END, Agreed, main, table, updated
from tests.interop.requirements import Peer
from zrtp.protocol.events import Mode, Role, Secured, Suite

PHONE = Peer("phone", "no-such-package", lambda: "")
SECURED = Secured(
    ssrc=1,
    mode=Mode.DH,
    role=Role.INITIATOR,
    suite=Suite(hash=b"S256", cipher=b"AES1", auth_tag=b"HS80", key_agreement=b"X255", sas=b"B32 "),
    zid=b"p" * 12,
    client_id=b"A phone 1.0     ",
    verified=False,
    peer_name=None,
    verified_at=None,
    disclosure=False,
    allow_clear=False,
)

pytest_plugins = ("pytester",)


def agreed(**changes: str) -> Agreed:
    fields = {"peer": "phone 1.0", "mode": "DH", "key_agreement": "X255", "hash": "S256", "cipher": "AES1"}
    fields |= {"auth_tag": "HS80", "sas": "B32", "role": "initiator"}
    return Agreed(**(fields | changes))


def test_an_event_becomes_an_entry() -> None:
    assert Agreed.of(PHONE, SECURED) == agreed(peer="phone")


def test_one_row_for_each_peer_mode_and_key_agreement() -> None:
    entries = [agreed(), agreed(), agreed(role="responder"), agreed(cipher="AES3"), agreed(key_agreement="DH3k")]
    assert table(entries).splitlines()[2:] == [
        "| phone 1.0 | DH | DH3k | S256 | AES1 | HS80 | B32 | initiator | 1 |",
        "| phone 1.0 | DH | X255 | S256 | AES1, AES3 | HS80 | B32 | initiator, responder | 3 |",
    ]


def test_the_table_replaces_the_old_one() -> None:
    text = f"before\n{BEGIN}old\n{END}\nafter\n"
    assert updated(text, "new\n") == f"before\n{BEGIN}new\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END])
def test_a_file_without_markers_stays_as_it_is(text: str) -> None:
    with pytest.raises(ValueError, match="no lines"):
        updated(text, "new\n")


def test_only_passed_tests_count(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    pytester.makepyfile("""
        from tests.interop.conftest import note
        from tests.interop.test_matrix import PHONE, SECURED

        def test_good(note):
            note(PHONE, SECURED)

        def test_bad(note):
            note(PHONE, SECURED)
            assert False
    """)
    readme = pytester.makefile(".md", README=f"{BEGIN}{END}")
    result = pytester.runpytest_inprocess("-p", "tests.interop.matrix", "--interop-results=results.json")
    result.assert_outcomes(passed=1, failed=1)
    assert main([str(pytester.path / "results.json"), "--update", str(readme)]) == 0
    row = "| phone | DH | X255 | S256 | AES1 | HS80 | B32 | initiator | 1 |"
    assert row in Path(readme).read_text()
    assert row in capsys.readouterr().out
