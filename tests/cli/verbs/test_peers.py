"""`zrtp peers`: looking at the cache and correcting it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.__main__ import main
from zrtp.cli.errors import Exit
from zrtp.secret import Secret

OWN, BOB, CAROL = b"\xaa" * 12, b"\xb0" * 12, b"\xca" * 12
MARCH = 1_772_530_000.0
KEY = "5ec2e7" * 10 + "abcd"
NEW_KEY, OTHER_KEY = "0e" * 32, "07" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A cache with a verified peer that has a name, and one without."""
    path = tmp_path / "secrets.db"
    cache = SqliteCache(path)
    bob = PeerRecord(rs1=Secret(bytes.fromhex(KEY)), first_seen=MARCH, last_seen=MARCH)
    cache.update(OWN, BOB, lambda _: bob.as_verified(MARCH, "bob"))
    carol = PeerRecord(rs1=Secret(bytes(32)), first_seen=MARCH, last_seen=MARCH)
    cache.update(OWN, CAROL, lambda _: carol)
    return path


def peers(path: Path, *arguments: str) -> int:
    return main(["peers", *arguments, "--cache", str(path)])


def record(path: Path, zid: bytes = BOB) -> PeerRecord | None:
    return SqliteCache(path).load(OWN, zid)


def test_a_wide_list_is_a_table(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert peers(path) == 0

    assert capsys.readouterr().out == (
        "NAME  VERIFIED           LAST CALL          ZID\n"
        "bob   3 March 2026       3 March 2026       b0b0b0b0b0b0b0b0b0b0b0b0\n"
        "-     no                 3 March 2026       cacacacacacacacacacacaca\n"
    )


def test_words_that_differed_are_not_forgotten(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SqliteCache(path).update(OWN, BOB, lambda old: None if old is None else old.as_different(MARCH))
    assert peers(path) == 0
    assert "words differed" in capsys.readouterr().out
    assert peers(path, "verify", "bob") == 0

    seen = record(path)
    assert seen is not None
    assert (seen.verified, seen.differed_at) == (True, None)


def test_a_peer_whose_first_comparison_differed_has_no_last_call(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteCache(path).update(OWN, BOB, lambda _: PeerRecord().as_different(MARCH))
    for columns, row in (("100", "words differed     -  "), ("40", "  last call  -\n")):
        monkeypatch.setenv("COLUMNS", columns)
        assert peers(path) == 0
        shown = capsys.readouterr().out
        assert row in shown
        assert "1970" not in shown


def test_no_cache_is_refused_rather_than_taken_for_a_file_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["peers", "--cache", "none"]) == 2

    assert "--cache none keeps nobody, so there is nobody to list or change" in capsys.readouterr().err


@pytest.mark.parametrize("who", ["bob", "BOB", BOB.hex(), "b0b0", f"{OWN.hex()}/{BOB.hex()}"])
def test_a_peer_alone_is_listed(path: Path, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, who, "--json") == 0

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["name"] == "bob"


def test_what_is_no_action_may_have_been_one_or_a_peer(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for cache in (path, path.with_name("no.db")):
        assert peers(cache, "forgett") == 2
        assert capsys.readouterr().err == (
            'zrtp: error: there is neither a peer nor an action "forgett"\n'
            "zrtp: hint: did you mean forget? zrtp peers shows everybody\n"
        )


def test_names_of_any_script_line_up(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "84")
    peers(path, "rename", "caca", "\u6771\u4eac " * 5)
    capsys.readouterr()
    peers(path)
    heading, *rows = capsys.readouterr().out.splitlines()

    assert {row.rindex("3 March") - heading.index("LAST") for row in rows} == {0, -7}, (
        "seven characters take two columns"
    )
    assert rows[1].startswith("\u6771\u4eac \u6771\u4eac \u6771\u4eac \u6771...  no ")


def test_a_narrow_list_is_paragraphs(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert peers(path, "list", "bob") == 0

    assert capsys.readouterr().out == (
        "bob\n  verified   3 March 2026\n  last call  3 March 2026\n  b0b0b0b0b0b0b0b0b0b0b0b0\n"
    )


def test_a_list_for_machines_has_no_secrets(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, "--json") == 0
    out = capsys.readouterr().out

    assert KEY not in out
    assert json.loads(out.splitlines()[0]) == {
        "zid": BOB.hex(),
        "own_zid": OWN.hex(),
        "name": "bob",
        "verified": True,
        "verified_at": MARCH,
        "differed_at": None,
        "first_seen": MARCH,
        "last_seen": MARCH,
        "expires": None,
    }


def test_nobody_is_known_before_the_first_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(tmp_path / "none.db") == 0

    assert "no peers yet" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("arguments", [("robert",), ("--name", "robert")])
def test_renaming_takes_the_verification_away(
    path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert peers(path, "rename", "bob", *arguments) == 0

    renamed = record(path)
    assert renamed is not None
    assert (renamed.name, renamed.verified) == ("robert", False)
    assert renamed.rs1 == Secret(bytes.fromhex(KEY))
    assert capsys.readouterr().err == "zrtp: bob is called robert now - compare the words in the next call\n"


def test_a_peer_without_a_name_is_found_by_its_zid(path: Path) -> None:
    assert peers(path, "rename", "caca", "carol") == 0

    renamed = record(path, CAROL)
    assert renamed is not None
    assert renamed.name == "carol"


def test_a_second_device_of_somebody_known_is_mentioned(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, "rename", "caca", "bob") == 0

    assert "you know another device of bob already" in capsys.readouterr().err


def test_verifying_and_taking_it_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, "unverify", "bob") == 0
    unverified = record(path)
    assert unverified is not None
    assert not unverified.verified
    assert peers(path, "verify", "bob") == 0
    verified = record(path)
    assert verified is not None
    assert verified.verified
    assert verified.verified_at is not None
    assert capsys.readouterr().err.splitlines() == [
        "zrtp: bob is not verified any more - compare the words in the next call",
        "zrtp: bob is verified",
    ]


def test_forgetting_makes_the_next_call_a_first_call(path: Path) -> None:
    assert peers(path, "forget", "bob") == 0

    assert record(path) is None


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("forget",), 2, "forget needs a peer"),
        (("rename", "bob"), 2, "rename needs the new name"),
        (("rename", "bob", "\u200b"), 2, "rename needs the new name"),
        (("forget", "nobody"), 6, 'no peer has the name "nobody"'),
        (("delete",), 2, 'there is neither a peer nor an action "delete"'),
        (("nobody",), 2, 'there is neither a peer nor an action "nobody"'),
        (("bob", "forget"), 2, "argument action: 'bob' is not known"),
        (("forget", "bob", "--name", "robert"), 2, "forget has no use for --name"),
        (("delete", "bob"), 2, "argument action: 'delete' is not known: did you mean forget?"),
        (("forgett", "bob"), 2, "argument action: 'forgett' is not known: did you mean forget?"),
        (("forget", "ca"), 6, '"ca" needs more digits of the ZID: at least four'),
        (("forget", "cc"), 6, 'no peer has the name "cc"'),
        (("forget", "bob", "caca"), 2, 'forget has no use for "caca"'),
        (("unverify", "bob", "caca"), 2, 'unverify has no use for "caca"'),
        (("list", "bob", "caca"), 2, 'list has no use for "caca"'),
        (("verify", "bob", "carol"), 2, 'verify has no use for "carol"'),
        (("seal", "bob"), 2, 'seal has no use for "bob"'),
        (("rename", "bob", "rob", "--name", "robert"), 2, "NAME and --name are different names"),
    ],
)
def test_what_cannot_be_done(
    path: Path, arguments: tuple[str, ...], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert peers(path, *arguments) == code

    assert f"zrtp: error: {line}" in capsys.readouterr().err
    kept = record(path)
    assert kept is not None and (kept.name, kept.verified) == ("bob", True)


@pytest.mark.parametrize("action", [("list",), ("forget",), ("verify",), ("unverify",), ("rename", "carol")])
def test_nobody_is_found_where_there_is_no_cache_and_none_is_made(
    tmp_path: Path, action: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    first, *name = action
    assert peers(tmp_path / "new.db", first, "bob", *name) == 6
    assert 'zrtp: error: no peer has the name "bob"\n' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links and names of POSIX")
@pytest.mark.parametrize("kind", ["link to nothing", "a" * 300, "link to itself"])
def test_a_path_that_no_cache_can_have_is_not_taken_for_an_empty_one(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind.startswith("link"):
        (tmp_path / kind).symlink_to(kind if kind.endswith("itself") else "nothing")
    before = list(tmp_path.iterdir())

    for action in ([], ["forget", "bob"]):
        assert peers(tmp_path / kind, *action) == 6
        said = capsys.readouterr().err
        assert "zrtp: error: the cache" in said and "standard output" not in said
    assert list(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="somebody whom a folder can keep out")
def test_a_folder_that_keeps_one_out_is_what_is_complained_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert peers(closed / "secrets.db") == 6
    assert "standard output" not in capsys.readouterr().err


def test_an_unreadable_cache_is_exit_6(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.chmod(0o644)

    assert peers(path) == 6
    assert "zrtp: error: others can read the secrets" in capsys.readouterr().err


def test_a_call_that_uses_the_same_cache_is_not_disturbed(path: Path) -> None:
    running = SqliteCache(path)
    running.own_zid(lambda: OWN)

    assert peers(path, "rename", "bob", "robert") == 0
    seen = running.load(OWN, BOB)
    assert seen is not None
    assert seen.name == "robert"
    running.update(OWN, BOB, lambda old: None if old is None else old.as_verified(MARCH))
    assert peers(path, "list", "robert") == 0


# ---- Very many, and sealed ones


def crowd(path: Path, number: int) -> None:
    """So many more peers without a name."""
    cache = SqliteCache(path)
    for position in range(number):
        cache.update(OWN, position.to_bytes(12), lambda _: PeerRecord(rs1=Secret(bytes(32))))


def zids(shown: str) -> list[int]:
    return [int(json.loads(line)["zid"], 16) for line in shown.splitlines()]


def test_a_list_comes_in_parts_and_says_how_to_go_on(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crowd(path, 4)
    assert peers(path, "--json", "--limit", "3") == 0
    said = capsys.readouterr()
    assert zids(said.out) == [0, 1, 2]
    command = said.err.partition("there are more: zrtp peers ")[2].split()
    assert command[:3] == ["--limit", "3", "--after"]

    assert peers(path, "--json", *command) == 0
    said = capsys.readouterr()
    assert zids(said.out) == [3, int.from_bytes(BOB), int.from_bytes(CAROL)]
    assert said.err == ""


def test_behind_the_last_one_is_nobody(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, "--after", f"{OWN.hex()}/{CAROL.hex()}") == 0
    said = capsys.readouterr()
    assert said.out == "" and "nobody comes behind these ZIDs" in said.err


def test_more_than_a_page_is_read_a_page_at_a_time(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing asks for all of them at once."""
    monkeypatch.setattr("zrtp.cli.verbs.peers.PAGE", 2)
    monkeypatch.setattr(SqliteCache, "peers", lambda _: pytest.fail("the whole cache is read"))
    crowd(path, 5)
    assert peers(path, "--json") == 0
    assert zids(capsys.readouterr().out)[:5] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("given", [("--limit", "0"), ("--limit", "some"), ("--after", "b0b0"), ("--after", "x/y")])
def test_what_is_no_part_is_refused(path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, str]) -> None:
    assert peers(path, *given) == Exit.USAGE
    assert "is not" in capsys.readouterr().err


def test_a_cache_is_sealed_afterwards_and_from_then_on_wants_its_keys(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(NEW_KEY)
    keys.chmod(0o600)
    assert bytes.fromhex(KEY) in path.read_bytes()
    assert peers(path, "seal", "--cache-keys", str(keys)) == 0
    assert "of 2 peers" in capsys.readouterr().err
    assert bytes.fromhex(KEY) not in path.read_bytes()

    assert peers(path) == Exit.LOCAL
    assert "--cache-keys" in capsys.readouterr().err
    monkeypatch.setenv("OF_THE_FLEET", f"{OTHER_KEY} {NEW_KEY}")
    assert peers(path, "seal", "--cache-keys", "env:OF_THE_FLEET") == 0
    assert "of 2 peers" in capsys.readouterr().err
    monkeypatch.setenv("OF_THE_FLEET", OTHER_KEY)
    assert peers(path, "--json", "--cache-keys", "env:OF_THE_FLEET") == 0
    said = capsys.readouterr()
    assert zids(said.out) == [int.from_bytes(BOB), int.from_bytes(CAROL)]
    assert NEW_KEY not in said.out + said.err and OTHER_KEY not in said.out + said.err


def test_without_keys_there_is_nothing_to_seal_with(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers(path, "seal") == Exit.USAGE
    assert "--cache-keys FILE names the keys" in capsys.readouterr().err
