"""`zrtp proxy`: two terminals, two tools without ZRTP between them, and a browser's address."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.pty_process import PtyProcess
from tests.interop.ports import free_udp_ports
from zrtp.cli.__main__ import main
from zrtp.cli.screen.terminal import Terminal
from zrtp.media.rtp import RtpPacket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@contextmanager
def two_proxies(
    tmp_path: Path, alice: Sequence[str] = (), bob: Sequence[str] = ()
) -> Iterator[tuple[PtyProcess, PtyProcess, int]]:
    """Each beside a tool, bound to each other; the first of eight ports is where Alice's tool sends."""
    port = free_udp_ports(8)

    def command(name: str, local: int, own: int, other: int, more: Sequence[str]) -> list[str]:
        ports = [str(local), f"127.0.0.1:{other}", "--bind", f"127.0.0.1:{own}"]
        return ["proxy", "rtp", *ports, "--agreement", "X255", "--cache", str(tmp_path / f"{name}.db"), *more]

    with (
        PtyProcess(command("bob", port + 4, port + 6, port + 2, bob)) as callee,
        PtyProcess(command("alice", port, port + 2, port + 6, alice)) as caller,
    ):
        yield caller, callee, port


def packet(sequence: int) -> bytes:
    return RtpPacket(payload_type=0, sequence=sequence, timestamp=0, ssrc=7, payload=b"words").encode()


def said_until_heard(tool: socket.socket, its_port: int, other: socket.socket, other_port: int) -> int:
    """The number of the first packet that one hears of the other; a proxy learns where a tool is by its own packets."""
    for number in range(1, 30):
        tool.sendto(packet(number), ("127.0.0.1", its_port))
        other.sendto(packet(100 + number), ("127.0.0.1", other_port))
        with contextlib.suppress(TimeoutError):
            heard = RtpPacket.decode(tool.recv(99))
            assert heard.payload == b"words"
            return heard.sequence - 100
    return 0


def test_two_people_compare_the_words_and_their_tools_talk(tmp_path: Path) -> None:
    with two_proxies(tmp_path) as (alice, bob, port):
        for terminal in (alice, bob):
            terminal.expect("SECURE BUT NOT VERIFIED")
        shown = [re.search(r"NOT VERIFIED   (\w+ {3}\w+)", terminal.screen) for terminal in (alice, bob)]
        assert shown[0] is not None and shown[1] is not None
        assert shown[0][1] == shown[1][1]

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tool:
            tool.bind(("127.0.0.1", 0))
            tool.settimeout(0.2)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", 0))
                assert said_until_heard(tool, port + 4, other, port) > 0

        alice.press("v")
        alice.expect("[l] later")
        alice.press("y")
        alice.expect("what should this peer be called?")
        alice.press("bob\r")
        alice.expect("1 to bob (127.0.0.1:")
        alice.expect("SECURE AND VERIFIED")
        alice.press("s")
        alice.press("q")
        bob.press("q")
        assert (alice.wait(), bob.wait()) == (0, 0)


def test_words_that_differ_are_an_alarm(tmp_path: Path) -> None:
    with two_proxies(tmp_path) as (alice, bob, _):
        alice.expect("SECURE BUT NOT VERIFIED")
        alice.press("v")
        alice.expect("[l] later")
        alice.press("n")
        alice.expect("somebody is listening in between")
        alice.expect("the words differ, the sound is cut off")
        alice.press("v")
        alice.expect("no call whose words are still to be compared")
        alice.press("q")
        assert alice.wait() == 0
        bob.press("q")
        assert bob.wait() == 0


def test_machines_get_json_lines_and_verify_answers_for_the_person(tmp_path: Path) -> None:
    with two_proxies(tmp_path, alice=["--json", "--verify", "match", "--name", "bob"]) as (alice, bob, _):
        alice.expect('"verified":true')
        alice.signal(signal.SIGINT)
        assert alice.wait() == 130
        bob.press("q")
        bob.wait()
    events = [json.loads(line) for line in alice.screen.splitlines() if line.startswith("{")]
    assert (events[0]["event"], set(events[0])) == ("listening", {"t", "event", "phone", "bind"})
    calls = [event for event in events if event["event"] == "call"]
    assert calls[-1]["name"] == "bob" or calls[-2]["name"] == "bob"
    end = {"event": "ended", "exit": 130, "text": "interrupted", "hint": None, "verdict": "match"}
    assert {**events[-1], **end} == events[-1]


def test_the_page_has_an_address_and_w_makes_another(tmp_path: Path) -> None:
    with two_proxies(tmp_path, alice=["--web", "127.0.0.1:0"]) as (alice, bob, _):
        alice.expect("[w]eb address")
        first = re.search(r"web: (http://127\.0\.0\.1:\d+/\?token=\w{32})", alice.screen)
        assert first is not None
        alice.press("w")
        alice.expect(r"token=")
        for terminal in (alice, bob):
            terminal.press("q")
            terminal.wait()
        addresses = re.findall(r"token=(\w{32})", alice.screen)
        assert len(set(addresses)) == len(addresses) == 2


def test_a_phone_registers_through_the_sip_proxy(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
    ):
        for each in (server, phone):
            each.bind(("127.0.0.1", 0))
            each.settimeout(10)
        where, here = f"127.0.0.1:{server.getsockname()[1]}", f"127.0.0.1:{phone.getsockname()[1]}"
        command = ["proxy", "sip", "--upstream", where, "--listen", "127.0.0.1:0", "--cache", "none", "--json"]
        with PtyProcess(command) as proxy:
            proxy.expect('"event":"listening"')
            found = re.search(r"outbound proxy for the phone: sip:127\.0\.0\.1:(\d+)", proxy.screen)
            assert found is not None
            head = [
                "REGISTER sip:example.org SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK1;rport",
                "From: <sip:alice@example.org>;tag=1",
                "To: <sip:alice@example.org>",
                "Call-ID: 1",
                "CSeq: 1 REGISTER",
                f"Contact: <sip:alice@{here}>",
            ]
            phone.sendto("\r\n".join([*head, "", ""]).encode(), ("127.0.0.1", int(found[1])))
            asked, source = server.recvfrom(4096)
            assert b"REGISTER sip:example.org SIP/2.0" in asked
            assert b"Contact: <sip:alice@127.0.0.1:%d;zline=" % source[1] in asked
            answer = asked.replace(b"REGISTER sip:example.org SIP/2.0", b"SIP/2.0 200 OK", 1)
            server.sendto(answer, source)
            assert f"Contact: <sip:alice@{here}>".encode() in phone.recv(4096)
            proxy.press("q")
            assert proxy.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["proxy"], 2, "the following arguments are required: sip|rtp"),
        (["proxy", "sip"], 2, "--upstream"),
        (["proxy", "sip", "--upstream", "x:y"], 2, "is not a SIP server such as sip.example.org"),
        (
            ["proxy", "sip", "--upstream", "x", "--listen", "0.0.0.0:5070", "--cache", "none"],
            2,
            "needs the address that the phone reaches",
        ),
        (["proxy", "sip", "--upstream", "x", "--require", "--best-effort"], 2, "not allowed with"),
        (
            ["proxy", "sip", "--upstream", "127.0.0.1:9;transport=tcp", "--cache", "none"],
            6,
            "the server cannot be reached",
        ),
        (["proxy", "rtp", "7000"], 2, "HOST:PORT"),
        (["proxy", "rtp", "99999", "127.0.0.1:5004"], 2, "there is no port 99999"),
        (["proxy", "rtp", "7000", "no.such.host.invalid:5004", "--cache", "none"], 6, "cannot be found"),
        (["proxy", "rtp", "7000", "127.0.0.1:5004", "--web", "0.0.0.0:80"], 2, "for this computer only"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_its_code(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    shown = capsys.readouterr().err
    assert sentence in shown
    assert "Traceback" not in shown


def test_a_name_server_that_does_not_answer_is_told_and_can_be_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = threading.Event()

    def look_up(*_: object, **options: int) -> object:
        answered.wait(60)
        return []

    def told(terminal: Terminal, words: str, *_: str) -> None:
        said.append(words)
        if words.startswith("looking up"):
            os.kill(os.getpid(), signal.SIGTERM)

    said: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("zrtp.cli.calls.names.PATIENCE", 0.01)
    monkeypatch.setattr(Terminal, "note", told)
    try:
        assert main(["proxy", "rtp", "7000", "slow.example.org:5004", "--cache", "none"]) == 130
    finally:
        answered.set()
    assert said == ["looking up the name slow.example.org", "interrupted"]


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert main(["proxy", "rtp", str(port), "127.0.0.1:5004", "--cache", "none", "--json"]) == 6
    captured = capsys.readouterr()
    assert "cannot be opened" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["exit"] == 6
