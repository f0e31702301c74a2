from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import pytest

from tests.reach.test_description import ALICE
from tests.support.cases import every
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import network, peer, reach
from zrtp.cli.options.addresses import address
from zrtp.cli.options.parser import Parser
from zrtp.cli.options.reach import ReachSettings, RouterSettings
from zrtp.reach.code import Code
from zrtp.reach.servers import DEFAULT_MAILBOX, Turn

LINE = ALICE.line()
CODE = "7-virus-revival"


def listening(*given: str) -> ReachSettings | None:
    parser = Parser(prog="zrtp listen")
    parser.add_argument("address", type=address, nargs="?")
    network.add(parser, bind="any")
    peer.add(parser)
    reach.add_for_listener(parser)
    return meeting(reach.settings(parser.parse_args(given)))


def calling(whom: str, *given: str) -> ReachSettings | None:
    parser = Parser(prog="zrtp call")
    parser.add_argument("remote", type=reach.callee)
    network.add(parser, bind="any")
    peer.add(parser)
    reach.add_for_caller(parser)
    arguments = parser.parse_args([whom, *given])
    return meeting(reach.settings(arguments, arguments.remote))


def meeting(found: ReachSettings | RouterSettings | None) -> ReachSettings | None:
    assert not isinstance(found, RouterSettings)
    return found


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZRTP_MAILBOX", "ZRTP_STUN", "ZRTP_TURN", "ZRTP_TURN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def test_an_address_is_called_as_ever() -> None:
    assert reach.callee("192.0.2.20:5004") == ("192.0.2.20", 5004)
    assert calling("192.0.2.20:5004") is None
    assert listening() is None


def test_a_code_and_a_line_are_known_by_their_form() -> None:
    assert reach.callee(CODE) == Code.parse(CODE)
    assert reach.callee(LINE) == ALICE


@every(
    ("text", "sentence"),
    [
        ("7-virus-revivel", 'Is "revival" meant'),
        (LINE[:-3], "the line is damaged or not complete"),
        ("nobody", "nobody"),
    ],
)
def test_what_is_mistyped_is_explained(text: str, sentence: str) -> None:
    try:
        assert reach.callee(text) == ("nobody", 5004)
    except argparse.ArgumentTypeError as error:
        assert sentence in str(error)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--words", "3"), "--words needs --code"),
        (("--line", "--words", "3"), "--words needs --code"),
        (("--mailbox", "ws://example.org"), "--mailbox needs a code or a line"),
        (("--turn", "turn:me@example.org"), "--turn needs a code or a line"),
        (("--map", "--stun", "none"), "--stun needs a code or a line"),
    ],
)
def test_an_option_without_the_one_that_it_is_about_is_refused(given: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError) as caught:
        listening(*given)
    assert (str(caught.value), caught.value.code) == (sentence, Exit.USAGE)


def test_who_makes_a_code_says_how_many_words_it_has() -> None:
    found = listening("--code", "--words", "3")
    assert found is not None and not found.line
    assert (found.words, found.code, found.mailbox) == (3, None, DEFAULT_MAILBOX)
    assert found.servers.stun == ("stun.l.google.com", 19302)


def test_who_knows_a_code_asks_the_same_servers() -> None:
    found = calling(CODE, "--mailbox", "wss://mailbox.example/v1", "--stun", "none")
    assert found is not None
    assert (found.code, found.mailbox, found.servers.stun) == (Code.parse(CODE), "wss://mailbox.example/v1", None)


def test_lines_ask_for_no_mailbox() -> None:
    made, given = listening("--line"), calling(LINE)
    assert made is not None and given is not None
    assert made.line and given.line and given.theirs == ALICE


def test_a_line_is_trusted_only_if_somebody_says_so() -> None:
    plain, trusted, code = calling(LINE), calling(LINE, "--trust-peer-hash"), calling(CODE, "--trust-peer-hash")
    assert plain is not None and trusted is not None and code is not None
    assert (plain.trusted, trusted.trusted, code.trusted) == (False, True, False)


def test_one_address_of_this_computer_can_be_chosen() -> None:
    for found in (listening("127.0.0.1", "--code"), listening("--code", "--bind", "127.0.0.1:0")):
        assert found is not None and found.addresses == ("127.0.0.1",)
    found = listening(":5004", "--code")
    assert found is not None and found.addresses is None


def test_the_environment_names_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZRTP_MAILBOX", "ws://127.0.0.1:4000/v1")
    monkeypatch.setenv("ZRTP_STUN", "127.0.0.1")
    monkeypatch.setenv("ZRTP_TURN", "turn:zrtp@127.0.0.1")
    monkeypatch.setenv("ZRTP_TURN_PASSWORD", "from the environment")
    found = calling(CODE)
    assert found is not None and found.servers.turn is not None
    assert (found.mailbox, found.servers.stun) == ("ws://127.0.0.1:4000/v1", ("127.0.0.1", 3478))
    assert found.servers.turn.password == "from the environment"  # noqa: S105


def test_the_relays_password_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    found = calling(CODE, "--turn", "turn:zrtp@host?transport=tcp", "--turn-password", f"@{file}", "--relay-only")
    assert found is not None
    assert found.servers.turn == Turn(address=("host", 3478), user="zrtp", password="from a file", tcp=True)  # noqa: S106
    assert found.servers.relay_only
    assert "from a file" not in repr(found)


def test_the_relays_password_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\nsomething else\n"))
    found = calling(CODE, "--turn", "turn:zrtp@host")
    assert found is not None and found.servers.turn is not None
    assert found.servers.turn.password == "typed"  # noqa: S105


@every(
    ("given", "sentence"),
    [
        (("--relay-only",), "--relay-only needs a relay"),
        (("--turn", "turn:zrtp:secret@host"), "a TURN server is turn:USER@HOST"),
        (("--turn", "turn:zrtp@host", "--turn-password", "secret"), "not given on the command line"),
        (("--turn", "turn:zrtp@host", "--turn-password", "@/nowhere"), "cannot be read from /nowhere"),
        (("--stun", "a b"), "a STUN server is HOST, HOST:PORT or none"),
        (("--mailbox", "https://host"), "a mailbox server is an address like"),
        (("--peer-hash", "1.10 " + "ab" * 32), "the hash is in the code or line already"),
    ],
)
def test_what_does_not_fit_is_refused(given: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refused:
        calling(CODE, *given)
    assert refused.value.code in (Exit.USAGE, Exit.LOCAL)


def test_options_without_a_meeting_are_refused() -> None:
    with pytest.raises(CommandError, match="--relay-only needs a code or a line"):
        calling("192.0.2.20:5004", "--relay-only")
    with pytest.raises(CommandError, match="--router needs --map"):
        listening("--router", "192.168.1.1")


def test_one_way_at_a_time() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        listening("--code", "--line")


def test_the_default_servers_are_said_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        listening("--help")
    shown = "".join(capsys.readouterr().out.split())
    assert "relay.magic-wormhole.io" in shown and "stun.l.google.com" in shown
