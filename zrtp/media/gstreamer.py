"""ZRTP for a GStreamer pipeline, whose srtpenc and srtpdec do the ciphering.

::

    stream = GstreamerStream(pipeline, endpoint.session(), gio_socket, gio_address, ssrc=ssrc)
    stream.start()

The pipeline has these elements, under names that can be given: `src`, a udpsrc on the socket; `gate`, a valve in front
of the encoder that begins with drop=true; `enc`, a srtpenc that begins with any key; `dec`, a srtpdec. A udpsink on the
same socket sends. ZRTP is taken out behind the udpsrc, and nothing else passes there before there are keys.

Everything runs in the GLib main loop that the program has; what comes from streaming threads is handed to it. PyGObject
and GStreamer come from the system (Debian: python3-gi, gstreamer1.0-plugins-bad) and are imported on first use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from zrtp.door import need_function, need_options
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.handover import PROFILES, GstreamerSettings, gstreamer_settings
from zrtp.protocol.events import (
    ClearRequested,
    Closed,
    Event,
    Failed,
    KeysReady,
    Sending,
    SendingChanged,
    SrtpKeys,
    WentClear,
)
from zrtp.protocol.session import Session

ELEMENTS: Final = {"source": "src", "gate": "gate", "encoder": "enc", "decoder": "dec"}
"""What the elements are called unless told otherwise."""


class GstreamerStream:
    """One media stream of a session, in a pipeline. Call its methods from the main loop's thread.

    `socket` is the Gio.Socket of udpsrc and udpsink, `remote` the Gio.SocketAddress of the peer. `on_event` is called
    with every event of the session; what it raises goes to `sys.excepthook`. Raises BackendUnavailable without
    GStreamer, and ApiMisuse if the pipeline lacks an element.
    """

    def __init__(
        self,
        pipeline: Any,
        session: Session,
        socket: Any,
        remote: Any,
        *,
        ssrc: int,
        on_event: Callable[[Event], None] | None = None,
        peer_hello_hash: bytes | None = None,
        **names: str,
    ) -> None:
        need_options("A GstreamerStream", names, ELEMENTS)
        if on_event is not None:
            need_function("on_event", on_event, "a function that takes an event")
        self._gst, self._glib = _import_gstreamer()
        self.session = session
        self.stream = session.add_stream(ssrc, peer_hello_hash=peer_hello_hash)
        self.remote = remote
        self._socket = socket
        self._on_event = on_event
        self._timer = 0
        self._receiving: GstreamerSettings | None = None
        self._heard = False
        found = {role: pipeline.get_by_name(names.get(role, usual)) for role, usual in ELEMENTS.items()}
        for role, element in found.items():
            if element is None:
                raise ApiMisuse(f"The pipeline has no element named {names.get(role, ELEMENTS[role])!r} ({role}).")
        self._gate, self._encoder, self._decoder = found["gate"], found["encoder"], found["decoder"]
        buffers = self._gst.PadProbeType.BUFFER
        found["source"].get_static_pad("src").add_probe(buffers, self._from_network)
        self._decoder.get_static_pad("rtp_src").add_probe(buffers, self._on_decrypted)
        self._decoder.connect("request-key", lambda _, source: self._caps(source))

    def start(self) -> None:
        """Look for the peer, when the pipeline is playing."""
        self.stream.start(time.monotonic())
        self.settle()

    def settle(self) -> None:
        """Send what is due, pass on events, set the timer. Call it after methods of `session`."""
        while (event := self.session.next_event()) is not None:
            self._follow(event)
            if self._on_event is not None:
                try:
                    self._on_event(event)
                except Exception as error:  # the call goes on
                    sys.excepthook(type(error), error, error.__traceback__)
        for datagram in self.stream.datagrams_to_send():
            self._socket.send_to(self.remote, datagram, None)
        if self._timer:
            self._glib.source_remove(self._timer)
            self._timer = 0
        due = self.stream.next_timer()
        if due is not None:
            milliseconds = max(0, int((due - time.monotonic()) * 1000) + 1)
            self._timer = self._glib.timeout_add(milliseconds, self._on_timer)

    def close(self) -> None:
        """End the call: nothing passes any more, the keys are let go."""
        self.session.close(time.monotonic())
        self.settle()

    def _follow(self, event: Event) -> None:
        if isinstance(event, KeysReady):
            self._take_keys(event)
        elif isinstance(event, SendingChanged):
            self._gate.set_property("drop", event.sending is not Sending.SRTP)
        elif isinstance(event, Failed | ClearRequested | WentClear | Closed):
            self._gate.set_property("drop", True)
            self._receiving = None

    def _take_keys(self, keys: KeysReady) -> None:
        self._heard = False
        sending = _settings(keys.send)
        for name, value in (
            ("rtp-cipher", sending.cipher),
            ("rtcp-cipher", sending.cipher),
            ("rtp-auth", sending.rtp_auth),
            ("rtcp-auth", sending.rtcp_auth),
        ):
            self._gst.util_set_object_arg(self._encoder, name, value)
        self._encoder.set_property("key", self._gst.Buffer.new_wrapped(sending.key))
        self._decoder.emit("clear-keys")
        self._receiving = _settings(keys.receive)

    def _on_timer(self) -> bool:
        self._timer = 0
        self.stream.handle_timer(time.monotonic())
        self.settle()
        return False

    # In streaming threads: look, hand over, decide whether the buffer goes on.

    def _from_network(self, _pad: Any, info: Any) -> Any:
        buffer = info.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        kind = classify(data)
        if kind is DatagramKind.ZRTP:
            self._glib.idle_add(self._take_zrtp, data)
        elif self._receiving is not None and kind in (DatagramKind.RTP, DatagramKind.RTCP):
            return self._gst.PadProbeReturn.OK
        return self._gst.PadProbeReturn.DROP

    def _on_decrypted(self, _pad: Any, _info: Any) -> Any:
        if not self._heard:
            self._heard = True
            self._glib.idle_add(self._on_verified)
        return self._gst.PadProbeReturn.OK

    def _caps(self, source: int) -> Any:
        receiving = self._receiving
        return None if receiving is None else self._gst.Caps.from_string(receiving.caps(source))

    # Back in the main loop.

    def _take_zrtp(self, data: bytes) -> bool:
        self.stream.receive_datagram(data, time.monotonic())
        self.settle()
        return False

    def _on_verified(self) -> bool:
        self.stream.srtp_verified(time.monotonic())
        self.settle()
        return False


def _settings(keys: SrtpKeys) -> GstreamerSettings:
    if (keys.cipher, keys.auth_tag) not in PROFILES["gstreamer"]:
        raise ApiMisuse("Offer only what GStreamer can do: see zrtp.media.handover.PROFILES['gstreamer'].")
    return gstreamer_settings(keys)


def _import_gstreamer() -> tuple[Any, Any]:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import GLib, Gst
    except (ImportError, ValueError) as error:
        raise BackendUnavailable(
            "GStreamer's Python bindings are missing. Install PyGObject and GStreamer, "
            "on Debian: apt-get install python3-gi gir1.2-gstreamer-1.0 gstreamer1.0-plugins-bad"
        ) from error
    return Gst, GLib
