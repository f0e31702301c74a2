"""GStreamer with Opus, srtpenc and srtpdec: the pipeline ciphers, with our keys."""

from __future__ import annotations

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gio, GLib, Gst  # noqa: E402

from tests.hosts.programs.common import FAST, Told  # noqa: E402
from zrtp import Endpoint  # noqa: E402
from zrtp.media.gstreamer import GstreamerStream  # noqa: E402

told = Told.by_command_line()
told.rate = 48_000
Gst.init(None)

loopback = Gio.InetAddress.new_loopback(Gio.SocketFamily.IPV4)
sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
sock.bind(Gio.InetSocketAddress.new(loopback, told.local), False)
ssrc = 0x10000 + told.local
pipeline = Gst.parse_launch(
    f"audiotestsrc is-live=true freq={told.hertz} ! audioconvert ! audioresample ! opusenc "
    f"! rtpopuspay pt=96 ssrc={ssrc} "
    "! valve name=gate drop=true ! srtpenc name=enc key=" + "00" * 30 + " "
    f"! udpsink name=sink host=127.0.0.1 port={told.remote[1]} sync=false async=false "
    "udpsrc name=src ! application/x-srtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=96 "
    "! srtpdec name=dec ! rtpjitterbuffer latency=40 ! rtpopusdepay ! opusdec ! audioconvert "
    "! audio/x-raw,format=S16LE,rate=48000,channels=1 ! appsink name=heard emit-signals=true sync=false"
)
for name in ("src", "sink"):
    pipeline.get_by_name(name).set_property("socket", sock)
    pipeline.get_by_name(name).set_property("close-socket", False)


def on_sample(sink: object) -> object:
    buffer = sink.emit("pull-sample").get_buffer()  # type: ignore[attr-defined]
    told.heard.frombytes(buffer.extract_dup(0, buffer.get_size()))
    return Gst.FlowReturn.OK


pipeline.get_by_name("heard").connect("new-sample", on_sample)

# The glue:
peer = Gio.InetSocketAddress.new(loopback, told.remote[1])
stream = GstreamerStream(pipeline, Endpoint(FAST).session(), sock, peer, ssrc=ssrc, on_event=told.on_event)
pipeline.set_state(Gst.State.PLAYING)
stream.start()

loop = GLib.MainLoop()


def enough() -> bool:
    """Two seconds were heard; one more lets the other program hear as much."""
    if len(told.heard) < 2 * told.rate:
        return True
    GLib.timeout_add(1000, loop.quit)
    return False


GLib.timeout_add(50, enough)
GLib.timeout_add(30_000, loop.quit)
loop.run()
stream.close()
pipeline.set_state(Gst.State.NULL)
del told.heard[:24_000]
told.tell()
