"""One pass over a file: everything in its place, and a sentence for what could not be read."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.recordings import OTHER, PHONE, in_clear, lp_default, signalling, write
from tests.support.frames import ALICE, BOB, ethernet, pcap, sdp, sip_request, tcp, udp
from zrtp.inspection.recording import STEP, Recording


def test_a_call_over_udp(tmp_path: Path) -> None:
    recording = Recording(write(tmp_path / "call.pcap", signalling() + in_clear(10)))
    assert [call.caller for call in recording.calls.all] == ["alice@example.org"]
    assert [(flow.source, flow.packets) for flow in recording.flows.all] == [(ALICE, 10), (BOB, 10)]
    assert (recording.frames, recording.problems, recording.began) == (22, [], 1_790_000_000.0)


def test_signalling_over_tcp_and_tls(tmp_path: Path) -> None:
    invite = sip_request("INVITE", sdp(ALICE))
    tls = b"\x16\x03\x03\x00\x05hello"
    packets = [
        tcp(PHONE, OTHER, 1, invite[:100]),
        tcp(PHONE, OTHER, 101, invite[100:]),
        tcp(PHONE, ("192.0.2.1", 5061), 1, tls),
    ]
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap((float(at), ethernet(packet)) for at, packet in enumerate(packets)))
    recording = Recording(path)

    (call,) = recording.calls.all
    assert [(each.hop.transport, each.title) for each in call.messages] == [("TCP", "INVITE")]
    assert recording.tls == [(PHONE, ("192.0.2.1", 5061))]


def test_everything_that_is_wrong_gets_a_sentence(tmp_path: Path) -> None:
    invite = sip_request("INVITE", sdp(ALICE))
    frames = [
        ethernet(udp(PHONE, OTHER, invite[:-5])),
        ethernet(udp(PHONE, OTHER, b"INVITE sip:bob SIP/2.0\r\n" + b"\xff" * 20)),
        ethernet(udp(ALICE, BOB, bytes(20)))[:25],
    ]
    path = tmp_path / "call.pcap"
    octets = pcap([(0.0, frame) for frame in frames])
    snapped = octets[: -len(frames[-1]) - 4] + (1500).to_bytes(4, "little") + ethernet(udp(ALICE, BOB, bytes(99)))[:25]
    path.write_bytes(snapped + b"torn")

    assert Recording(path).problems == [
        f"The file ends within a packet at octet {len(snapped)}: the rest is missing.",
        "1 packets have headers that contradict themselves.",
        "1 SIP messages are shorter than they say.",
    ]


def test_packets_of_which_only_the_beginning_was_recorded(tmp_path: Path) -> None:
    frame = ethernet(udp(ALICE, BOB, b"\x10\x00\x00\x01ZRTP" + bytes(100)))
    octets = pcap([(0.0, frame[:96])])
    path = tmp_path / "call.pcap"
    path.write_bytes(octets[:36] + len(frame).to_bytes(4, "little") + octets[40:])
    assert Recording(path).problems == [
        "Of 1 packets only the beginning was recorded: record whole packets (tcpdump -s 0)."
    ]


def test_a_link_type_that_is_not_understood(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap([(0.0, bytes(60))], link=147))
    assert Recording(path).problems == ["Frames of link type 147 are not understood here."]


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap((0.0, bytes(60)) for _ in range(2 * STEP + 10)))
    Recording(path, lambda read, size: told.append((read, size)))
    assert [size for _, size in told] == [path.stat().st_size] * 2
    assert 0 < told[0][0] < told[1][0] <= path.stat().st_size
    assert Recording(lp_default()).problems == []
