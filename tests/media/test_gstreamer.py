"""The adapter for GStreamer, as far as it goes without GStreamer; calls with it are in tests/hosts."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media.gstreamer import GstreamerStream
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import KeysReady
from zrtp.protocol.states import State


class Element:
    """An element of a pipeline that remembers what was done to it."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.probes: list[Any] = []
        self.signals: dict[str, Any] = {}
        self.emitted: list[str] = []

    def get_static_pad(self, name: str) -> Element:
        return self

    def add_probe(self, kind: object, probe: Any) -> None:
        self.probes.append(probe)

    def connect(self, signal: str, handler: Any) -> None:
        self.signals[signal] = handler

    def set_property(self, name: str, value: object) -> None:
        self.properties[name] = value

    def emit(self, signal: str) -> None:
        self.emitted.append(signal)


class Main:
    """A main loop in which things run when they are told to."""

    def __init__(self) -> None:
        self.idle: list[Any] = []
        self.timers: dict[int, Any] = {}

    def idle_add(self, work: Any, *arguments: Any) -> None:
        self.idle.append((work, arguments))

    def timeout_add(self, milliseconds: int, work: Any) -> int:
        self.timers[len(self.timers) + 1] = work
        return len(self.timers)

    def source_remove(self, number: int) -> None:
        self.timers.pop(number, None)

    def run(self) -> None:
        while self.idle:
            work, arguments = self.idle.pop(0)
            assert work(*arguments) is False, "GLib would do it again and again"


class Buffer:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def get_buffer(self) -> Buffer:
        return self

    def get_size(self) -> int:
        return len(self.data)

    def extract_dup(self, start: int, size: int) -> bytes:
        return self.data[start : start + size]


class Gio:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send_to(self, remote: object, datagram: bytes, cancellable: object) -> None:
        self.sent.append(datagram)


@pytest.fixture()
def main(monkeypatch: pytest.MonkeyPatch) -> Main:
    loop = Main()
    gst = types.SimpleNamespace(
        PadProbeType=types.SimpleNamespace(BUFFER=1),
        PadProbeReturn=types.SimpleNamespace(OK="ok", DROP="drop"),
        Caps=types.SimpleNamespace(from_string=lambda text: text),
        Buffer=types.SimpleNamespace(new_wrapped=lambda octets: octets),
        util_set_object_arg=lambda element, name, value: element.set_property(name, value),
    )
    monkeypatch.setattr("zrtp.media.gstreamer._import_gstreamer", lambda: (gst, loop))
    return loop


class Pipeline:
    def __init__(self, *names: str) -> None:
        self.elements = {name: Element() for name in names}

    def get_by_name(self, name: str) -> Element | None:
        return self.elements.get(name)


class Phone:
    """A pipeline with the adapter in it."""

    def __init__(self, ssrc: int, config: Config) -> None:
        self.pipeline, self.socket = Pipeline("src", "gate", "enc", "dec"), Gio()
        self.events: list[object] = []
        self.stream = GstreamerStream(
            self.pipeline, Endpoint(config).session(), self.socket, "peer", ssrc=ssrc, on_event=self.events.append
        )

    def arrives(self, data: bytes) -> object:
        """What the probe behind udpsrc says to a datagram."""
        return self.pipeline.elements["src"].probes[0](None, Buffer(data))


def agree(main: Main, *phones: Phone) -> None:
    for phone in phones:
        phone.stream.start()
    while any(phone.socket.sent for phone in phones):
        for phone, other in (phones, reversed(phones)):
            sent, phone.socket.sent = phone.socket.sent, []
            assert [other.arrives(datagram) for datagram in sent] == ["drop"] * len(sent)
        main.run()


RTP = bytes.fromhex("800000010000000000000001") + bytes(160)


@pytest.mark.parametrize(
    ("tag", "cipher", "auth"), [(b"HS80", "aes-256-icm", "hmac-sha1-80"), (b"GCM ", "aes-256-gcm", "null")]
)
def test_zrtp_is_taken_out_and_the_elements_get_the_keys(main: Main, tag: bytes, cipher: str, auth: str) -> None:
    config = Config(key_agreements=(b"X255",), auth_tags=(tag,), mandatory_always=False)
    alice, bob = Phone(1, config), Phone(2, config)
    assert alice.arrives(RTP) == "drop"
    assert alice.pipeline.elements["dec"].signals["request-key"](None, 2) is None
    agree(main, alice, bob)

    assert alice.stream.stream.state is bob.stream.stream.state is State.SECURE
    (ready,) = [event for event in alice.events if isinstance(event, KeysReady)]
    encoder, decoder = alice.pipeline.elements["enc"], alice.pipeline.elements["dec"]
    assert encoder.properties["rtp-cipher"] == encoder.properties["rtcp-cipher"] == cipher
    assert encoder.properties["rtp-auth"] == auth
    assert encoder.properties["key"] == ready.send.master
    assert decoder.emitted == ["clear-keys"]
    assert ready.receive.master.hex() in decoder.signals["request-key"](None, 2)
    assert alice.pipeline.elements["gate"].properties["drop"] is False
    assert alice.arrives(RTP) == "ok"


def test_after_the_end_nothing_passes_and_no_key_is_given(main: Main) -> None:
    alice, bob = (Phone(ssrc, Config(key_agreements=(b"X255",))) for ssrc in (1, 2))
    agree(main, alice, bob)
    alice.stream.close()

    assert alice.pipeline.elements["gate"].properties["drop"] is True
    assert alice.arrives(RTP) == "drop"
    assert alice.pipeline.elements["dec"].signals["request-key"](None, 2) is None


def test_the_first_packet_that_was_decrypted_counts_as_the_acknowledgement(main: Main) -> None:
    alice, bob = (Phone(ssrc, Config(key_agreements=(b"X255",))) for ssrc in (1, 2))
    agree(main, alice, bob)
    decrypted = alice.pipeline.elements["dec"].probes[0]
    assert [decrypted(None, None), decrypted(None, None)] == ["ok", "ok"]
    assert len(main.idle) == 1
    main.run()


def test_what_a_handler_raises_is_told_and_the_call_goes_on(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, _error, _trace: reported.append(kind))
    alice, bob = (Phone(ssrc, Config(key_agreements=(b"X255",))) for ssrc in (1, 2))

    def clumsy(event: object) -> None:
        alice.events.append(event)
        raise ValueError("a slip")

    monkeypatch.setattr(alice.stream, "_on_event", clumsy)
    agree(main, alice, bob)
    assert alice.stream.stream.state is State.SECURE
    assert reported == [ValueError] * len(alice.events)


def test_a_pipeline_without_an_element_is_refused_with_its_name(main: Main) -> None:
    with pytest.raises(ApiMisuse, match=r"no element named 'valve' \(gate\)"):
        GstreamerStream(Pipeline("src", "enc", "dec"), Endpoint().session(), None, None, ssrc=1, gate="valve")


def test_a_handler_that_has_to_be_awaited_is_refused(main: Main) -> None:
    async def awaited(event: object) -> None: ...

    with pytest.raises(ApiMisuse, match="nobody awaits it"):
        GstreamerStream(Pipeline(), Endpoint().session(), None, None, ssrc=1, on_event=awaited)  # type: ignore[arg-type]


def test_without_gstreamer_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(BackendUnavailable, match="apt-get install python3-gi"):
        GstreamerStream(Pipeline(), Endpoint().session(), None, None, ssrc=1)
