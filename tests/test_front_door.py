"""Whatever is of the wrong kind, in any place of the public interface, is refused by `ApiMisuse` and nothing else.

The places are found, not listed: every parameter of every public method and constructor gets something wrong once,
while the others are right.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.cases import every
from tests.support.loops import run
from tests.support.media_pair import MediaPair
from zrtp import ApiMisuse, Config, Endpoint, MemoryCache, Secret, SrtpKeys, State
from zrtp.cache import PeerRecord, SqliteCache
from zrtp.crypto.passphrase import auxsecret
from zrtp.crypto.registry import DEFAULT
from zrtp.media import sdp, srtp
from zrtp.media.aio import AsyncCall, ForkedCall, Host, SecureStream, connect, listen
from zrtp.media.aio.call import SessionOptions
from zrtp.media.aio.stream import Options
from zrtp.media.rtp import Packetizer, RtpPacket
from zrtp.media.secure import SecureCall
from zrtp.media.threads import SecureSocket, SocketOptions
from zrtp.protocol.store import Read
from zrtp.protocol.work import Work
from zrtp.stores.sealed import SealedCache

ADDRESS = ("127.0.0.1", 5004)

RIGHT: dict[str, Any] = {
    "above": asyncio.DatagramProtocol(),
    "address": ADDRESS,
    "addresses": ADDRESS,
    "auth_tag_code": b"HS80",
    "cipher_code": b"AES1",
    "cache": MemoryCache(),
    "change": lambda record: record,
    "compound": bytes(12),
    "connection": None,
    "datagram": bytes(20),
    "digit": "1",
    "digits": "00",
    "endpoint": Endpoint(),
    "hashes": [],
    "hello_hash": "1.10 " + 64 * "0",
    "label": "",
    "length": 1,
    "local": ADDRESS,
    "make": lambda: bytes(12),
    "name": "bob",
    "now": 1.0,
    "octets": b"key",
    "other": Endpoint().session().pbx,
    "own_zid": bytes(12),
    "packet": bytes(20),
    "path": "retained.db",
    "patience": 0.0,
    "payload": b"",
    "payload_type": 0,
    "peer_zid": bytes(12),
    "profile": srtp.SrtpProfile.of(b"AES1", b"HS80"),
    "random": bytes,
    "remote": ADDRESS,
    "request": Read(bytes(12), bytes(12), 1.0),
    "rtcp_packet": bytes(28),
    "rtp_packet": bytes(20),
    "samples": 160,
    "sdp": "v=0",
    "seconds": 0.1,
    "sequence": 1,
    "session": Endpoint().session(),
    "source": lambda: [Secret(bytes(32))],
    "ssrc": 0x77,
    "timestamp": 1,
    "value": "1.10",
    "work": Work(lambda: Secret(b"s"), lambda _result, _now: State.FAILED),
    "zrtp_hash": bytes(32),
}
"""What a parameter without a default takes, while another one is wrong."""

NOT_FOR_PROGRAMS = {
    *("AsyncCall.leave", "ForkedCall.send", "ForkedCall.take"),
    *("Host.enter", "Host.keep_trying", "Host.note_left", "Host.saw"),
    *("MediaLayer.from_network", "MediaLayer.is_at", "MediaLayer.note_refusal", "MediaLayer.to_network"),
}
"""What the parts of this package say to each other, and what compares whatever it is given."""

Case: TypeAlias = tuple[str, Callable[[], Any]]


class Wrong:
    """Nothing that any parameter takes."""


WRONG = Wrong()


def cases_of(title: str, function: Callable[..., Any], given: object = WRONG) -> Iterator[Case]:
    """For each parameter of a function its name, and a call with something wrong there."""
    parameters = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    for wrong in parameters:
        positional, named = [], {}
        for each in parameters:
            if each is not wrong and (each.default is not each.empty or each.kind is each.VAR_POSITIONAL):
                continue
            value = given if each is wrong else RIGHT[each.name]
            if each.kind is each.KEYWORD_ONLY or each.default is not each.empty:
                named[each.name] = value
            else:
                positional.append(value)
        yield f"{title}({wrong.name})", bound(function, positional, named)


def methods_of(thing: object, given: object = WRONG) -> Iterator[Case]:
    """The same for every method that has no underscore."""
    for name in dir(type(thing)):
        method, title = inspect.getattr_static(type(thing), name), f"{type(thing).__name__}.{name}"
        public = not name.startswith("_") and title not in NOT_FOR_PROGRAMS
        if public and (inspect.isfunction(method) or isinstance(method, classmethod)):
            yield from cases_of(title, getattr(thing, name), given)


def options_of(title: str, make: Callable[..., Any], *kinds: type) -> Iterator[Case]:
    """The same for options by name, and for one that there is not."""
    for name in [*(name for kind in kinds for name in kind.__annotations__), "no_such_option"]:
        yield f"{title}({name})", bound(make, [], {name: WRONG})


def bound(function: Callable[..., Any], positional: list[Any], named: dict[str, Any]) -> Callable[[], Any]:
    return lambda: function(*positional, **named)


def what_is_not_refused(cases: Iterator[Case]) -> dict[str, str]:
    """What came of each case instead of a sentence; nothing waits for what awaits."""
    answers: dict[str, str] = {}
    for title, call in cases:
        try:
            answer = call()
            if inspect.iscoroutine(answer):
                answer.send(None)
            answers[title] = "accepted"
        except ApiMisuse as error:
            if not str(error).endswith("."):
                answers[title] = f"no sentence: {error}"
        except BaseException as error:  # whatever it is, it tells a program nothing
            answers[title] = f"{type(error).__name__}: {error}"
    return answers


def test_by_the_engine_and_the_media_path() -> None:
    pair = MediaPair()
    session, media = pair.alice.call.session, pair.alice.media
    for thing in (Endpoint(), session, session.peer, session.pbx, session.keys, media.stream, pair.alice.call, media):
        assert what_is_not_refused(methods_of(thing)) == {}


def test_by_everything_that_takes_the_time_if_it_is_no_number() -> None:
    pair = MediaPair()
    call, media = pair.alice.call, pair.alice.media
    cases = [case for thing in (call.session, media.stream, call, media) for case in methods_of(thing, math.nan)]
    with_time = [case for case in cases if case[0].endswith("(now)")]
    assert with_time
    assert what_is_not_refused(iter(with_time)) == {}


@every(
    "kind",
    [Config, Endpoint, Packetizer, PeerRecord, RtpPacket, SealedCache, Secret, SecureCall, SqliteCache],
    ids=lambda kind: kind.__name__,
)
def test_by_everything_that_is_made(kind: type) -> None:
    assert what_is_not_refused(cases_of(kind.__name__, kind)) == {}


def test_by_packets_and_caches(tmp_path: Path) -> None:
    file = SqliteCache(tmp_path / "x.db")
    sealed = SealedCache(file, lambda: [Secret(bytes(32))])
    for thing in (Packetizer(1), RtpPacket.decode(b"\x80" + bytes(11)), MemoryCache(), file, sealed):
        assert what_is_not_refused(methods_of(thing)) == {}


def test_by_calls_in_an_event_loop() -> None:
    async def scene() -> None:
        endpoint = Endpoint()
        call, fork, host, stream = AsyncCall(endpoint), ForkedCall(endpoint), Host(), SecureStream(endpoint)
        layer = call.add_layer()
        layer.wrap(asyncio.DatagramProtocol())
        for thing in (call, layer, fork, host, stream):
            assert what_is_not_refused(methods_of(thing)) == {}
        for kind in (AsyncCall, ForkedCall, Host, SecureStream):
            assert what_is_not_refused(cases_of(kind.__name__, kind)) == {}
        made = options_of("AsyncCall", lambda **given: AsyncCall(endpoint, **given), SessionOptions)
        assert what_is_not_refused(made) == {}
        made = options_of("SecureStream", lambda **given: SecureStream(endpoint, **given), Options, SessionOptions)
        assert what_is_not_refused(made) == {}
        for opening in (connect, listen):
            entered = ((title, lambda call=call: call().__aenter__()) for title, call in cases_of("open", opening))
            assert what_is_not_refused(entered) == {}
        await stream.aclose()
        fork.close()
        await call.aclose()

    run(scene())


def test_by_algorithms_and_passphrases() -> None:
    for function in (DEFAULT.extended, auxsecret):
        assert what_is_not_refused(cases_of(function.__name__, function)) == {}


def test_by_srtp_and_signalling() -> None:
    one, other = [
        SrtpKeys(cipher=b"AES1", auth_tag=b"HS80", key=Secret(16 * octet), salt=Secret(14 * octet))
        for octet in (b"a", b"b")
    ]
    RIGHT.update(send=one, receive=other, key=one.key, salt=one.salt)
    sender, receiver = srtp.srtp_pair(one, other)
    for thing in (sender, receiver, sender.srtcp_tags):
        assert what_is_not_refused(methods_of(thing)) == {}
    makers: list[Callable[..., Any]] = [srtp.SrtpSender, srtp.SrtpReceiver, srtp.SrtcpTags, srtp.SrtpProfile.of]
    makers += [srtp.srtp_pair, sdp.add_zrtp_hash, sdp.matching_zrtp_hash, sdp.media_crypto, sdp.media_zrtp_hashes]
    makers += [sdp.parse_crypto, sdp.parse_zrtp_hash, sdp.zrtp_hash_attribute]
    for function in makers:
        assert what_is_not_refused(cases_of(function.__name__, function)) == {}


def test_by_a_socket_for_threads() -> None:
    endpoint = Endpoint()
    with SecureSocket(endpoint) as sock:
        assert what_is_not_refused(methods_of(sock)) == {}
    assert what_is_not_refused(cases_of("SecureSocket", SecureSocket)) == {}
    made = options_of("SecureSocket", lambda **given: SecureSocket(endpoint, **given), SocketOptions)
    assert what_is_not_refused(made) == {}
