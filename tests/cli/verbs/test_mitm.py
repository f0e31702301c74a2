"""`zrtp mitm`: a call between two terminals, with a third one in between."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys

import pytest

from tests.interop.ports import free_udp_ports
from zrtp.cache.memory import MemoryCache
from zrtp.cli.__main__ import main
from zrtp.cli.options.parser import Parser
from zrtp.cli.screen.terminal import Terminal
from zrtp.cli.verbs import mitm
from zrtp.crypto.sas import Sas
from zrtp.media.aio import connect, listen
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.mitm import InterceptedSide
from zrtp.proxy.wiretap import Began, KeysAgreed, Over

QUICK = Config(key_agreements=(b"X255",), sas_types=(b"B32 ",))
ONE, OTHER = (Sas(sashash=bytes([first]) + bytes(31), code=b"B32 ") for first in (1, 200))


def test_one_call_told_to_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs in this event loop, beside the two people."""
    found: dict[str, str] = {}

    async def scene(target: tuple[str, int]) -> int:
        parser = Parser(prog="zrtp mitm")
        mitm.add_arguments(parser)
        door = free_udp_ports()
        listening, calling = f"127.0.0.1:{door}", f"{target[0]}:{target[1]}"
        arguments = parser.parse_args([listening, calling, "--calls", "1", "--json", "--agreement", "X255"])
        command = asyncio.ensure_future(mitm._run(arguments, Terminal.of_process(json=True)))
        await asyncio.sleep(0.05)
        async with connect(Endpoint(QUICK, MemoryCache()), ("127.0.0.1", door)) as alice:
            await alice.secured()
            assert alice.session.sas is not None
            found["caller"] = alice.session.sas.rendered
        return int(await command)

    async def both() -> int:
        async with asyncio.timeout(20), listen(Endpoint(QUICK, MemoryCache()), ("127.0.0.1", 0)) as bob:
            return await scene(bob.local)

    assert asyncio.run(both()) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["listening", "call", "sas", "sas", "over", "ended"]
    assert {line["side"]: line["sas"] for line in lines[2:4]}["caller"] == found["caller"]
    assert lines[4]["heard"] == {"caller": 0, "target": 0}
    assert (lines[5]["exit"], lines[5]["verdict"]) == (0, "none")
    assert "reaches 127.0.0.1:" in err and "and is heard" in err
    assert "call 1 is over" in err


def test_words_that_differ_are_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    finished: list[int] = []
    lines = mitm.WiretapReport(Terminal.of_process(), finished.append, json=False)
    lines.show(Began(1, ("127.0.0.1", 7)))
    lines.show(KeysAgreed(1, InterceptedSide.TARGET, ONE))
    lines.show(KeysAgreed(1, InterceptedSide.CALLER, OTHER))
    lines.show(Over(1, (150, 149)))

    out, err = capsys.readouterr()
    assert out.splitlines() == [f"  the target sees   {ONE.rendered}", f"  the caller sees   {OTHER.rendered}"]
    assert "these differ: two people who compare them notice" in err
    assert "call 1 is over: heard 150 packets of the caller, 149 of the target" in err
    assert finished == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["127.0.0.1:0", "9.9.9.9:5004"], "9.9.9.9 is neither a loopback nor a private address"),
        (["127.0.0.1:0"], "TARGET"),
        (["127.0.0.1:0", "5004"], "is not HOST:PORT of somebody"),
        (["127.0.0.1:0", "127.0.0.1:5004", "--calls", "0"], "not a whole number above 0"),
    ],
)
def test_what_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mitm", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("addresses", [("127.0.0.1:0", "nobody.invalid:5004"), ("nobody.invalid:0", "127.0.0.1:5004")])
def test_a_name_that_is_not_known_is_a_local_failure(
    addresses: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mitm", *addresses]) == 6
    assert "the name nobody.invalid cannot be found" in capsys.readouterr().err


def test_a_port_in_use_names_another_one_for_the_caller_not_for_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["mitm", f"127.0.0.1:{port}", "127.0.0.1:9"]) == 6
    assert re.search(
        r"hint: choose another one, for example zrtp mitm 127\.0\.0\.1:\d+ 127\.0\.0\.1:9\n", capsys.readouterr().err
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_addresses_have_brackets_and_a_signal_ends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(lines: mitm.WiretapReport, bind: str, target: str) -> None:
        shown(lines, bind, target)
        os.kill(os.getpid(), signal.SIGTERM)

    shown = mitm.WiretapReport.show_opened
    monkeypatch.setattr(mitm.WiretapReport, "show_opened", interrupt)
    assert main(["mitm", "[::1]:0", "[::1]:5004", "--json"]) == 130

    opened, ended = map(json.loads, capsys.readouterr().out.splitlines())
    assert re.fullmatch(r"\[::1\]:\d+", opened["bind"])
    assert opened["remote"] == "[::1]:5004"
    assert (ended["event"], ended["exit"]) == ("ended", 130)
    assert ended["t"] >= opened["t"] >= 0 and ended["t"] > 0
