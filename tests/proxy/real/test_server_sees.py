"""Who sees the keys of a call through a real server? Two baresips, Kamailio, rtpengine; ZRTP, SDES and DTLS-SRTP.

A question of a mailing list: SRTP wants a master key at both ends, so who chooses it, and must a server see it?
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.linphone import Linphonec, Settings
from tests.interop.requirements import LINPHONEC
from tests.proxy.real.baresip import Baresip
from tests.proxy.real.bed import ADDRESS, BARESIP, KAMAILIO, RTPENGINE, TCPDUMP, Bed, Capture, wait_until
from tests.proxy.real.running import RunningProxy
from tests.support.tones import hears
from zrtp.inspection.capture import Capture as CaptureFile
from zrtp.inspection.decryption import of_sdes, opened
from zrtp.inspection.packets import Packets, ends_of
from zrtp.media import secure
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.sdp import media_crypto
from zrtp.media.srtp import SrtpReceiver, SrtpSender, srtp_pair
from zrtp.protocol.events import SrtpKeys
from zrtp.proxy.leg import Protection

pytestmark = pytest.mark.long

End = tuple[str, int]
Recorded = list[tuple[End, End, bytes]]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    for peer in (KAMAILIO, RTPENGINE, BARESIP, TCPDUMP):
        peer.require()
    with Bed(tmp_path / "server") as running:
        yield running


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All master keys and salts that the proxies use, as they take them over."""
    seen: list[bytes] = []
    real = srtp_pair

    def noting(send: SrtpKeys, receive: SrtpKeys) -> tuple[SrtpSender, SrtpReceiver]:
        seen.extend(bytes(part.octets) for each in (send, receive) for part in (each.key, each.salt))
        return real(send, receive)

    monkeypatch.setattr(secure, "srtp_pair", noting)
    return seen


@contextmanager
def proxied_call(bed: Bed, folder: Path) -> Iterator[tuple[RunningProxy, RunningProxy, Baresip, Baresip]]:
    """Alice's baresip calls Bob's, each by its own proxy; both calls are secure."""
    with (
        RunningProxy(ADDRESS, bed.port) as left,
        RunningProxy(ADDRESS, bed.port) as right,
        Baresip(folder / "alice", "alice", f"{bed.domain}:{bed.port}", outbound=left.outbound, play=440) as alice,
        Baresip(folder / "bob", "bob", f"{bed.domain}:{bed.port}", outbound=right.outbound, play=700) as bob,
    ):
        alice.command("dial", f"sip:bob@{bed.domain}:{bed.port}")
        left.secure()
        right.secure()
        yield left, right, alice, bob


def recorded(path: Path) -> Recorded:
    """The UDP datagrams of a capture: source, destination, payload."""
    found: Recorded = []
    packets = Packets(
        udp=lambda at, key, payload, whole: found.append((*ends_of(key), payload)), tcp=lambda *nothing: None
    )
    for at, link, frame, whole in CaptureFile(path).frames():
        packets.frame(at, link, frame, whole)
    return found


def media_of_server(capture: Recorded) -> Recorded:
    """RTP and SRTP to and from the server's address."""
    return [each for each in capture if ADDRESS in (each[0][0], each[1][0]) and classify(each[2]) is DatagramKind.RTP]


def forms(octets: bytes) -> list[bytes]:
    """How a key may stand in a log or a packet: raw, hexadecimal, base64 at each of three offsets."""
    encoded = [base64.b64encode(bytes(shift) + octets)[4:-4] for shift in range(3)]
    spaced = octets.hex(" ").encode()
    return [octets, octets.hex().encode(), octets.hex().upper().encode(), spaced, spaced.upper(), *encoded]


def test_zrtp_by_two_proxies_shows_the_server_no_key(bed: Bed, keys: list[bytes], tmp_path: Path) -> None:
    with Capture(tmp_path / "call.pcap"), proxied_call(bed, tmp_path) as (left, right, alice, bob):
        assert hears(bob.hears(), alice.tone)
        assert hears(alice.hears(), bob.tone)
        (view,), (other,) = left.views(), right.views()
        assert view.sas == other.sas is not None
        call_id = re.findall(r"(?m)^Call-ID: (\S+)", bed.logs())[-1]
        own_view = bed.query(call_id)
        assert ADDRESS in own_view, "rtpengine does know the call"
        phone_ports = {*alice.rtp_ports, *bob.rtp_ports}
    logs, capture = bed.logs().encode(), recorded(tmp_path / "call.pcap")

    relayed = media_of_server(capture)
    assert len(relayed) > 50, "the sound did go through the server"
    plain = [p for source, to, p in capture if ADDRESS not in (source[0], to[0]) and source[1] in phone_ports]
    spoken = [packet[12:] for packet in plain if classify(packet) is DatagramKind.RTP]
    assert len(spoken) > 50, "and what the phones said is known, from their own sides"
    server_side = b"\n".join(p for source, to, p in capture if ADDRESS in (source[0], to[0]))
    assert [words for words in set(spoken) if words in server_side] == []

    assert len(keys) == 8, "two directions, key and salt, at both ends"
    for place in (logs, own_view.encode(), server_side):
        assert [key.hex() for key in keys if any(form in place for form in forms(key))] == []
    assert b"a=zrtp-hash:1.10" in logs
    print(
        f"\nZRTP: {len(keys)} keys and salts in {len(logs)} octets of logs, {len(own_view)} of rtpengine's view, "
        f"{len(server_side)} of capture: 0 hits; {len(relayed)} SRTP packets relayed"
    )


def test_with_sdes_the_same_server_has_the_keys_and_they_open_the_call(bed: Bed, tmp_path: Path) -> None:
    server = f"{bed.domain}:{bed.port}"
    with (
        Capture(tmp_path / "call.pcap"),
        Baresip(tmp_path / "alice", "alice", server, play=440, encryption="srtp-mand") as alice,
        Baresip(tmp_path / "bob", "bob", server, play=700, encryption="srtp-mand") as bob,
    ):
        alice.command("dial", f"sip:bob@{server}")
        assert hears(bob.hears(), alice.tone)
        assert hears(alice.hears(), bob.tone)
    lines = re.findall(r"a=crypto:[^\\\r\n]*", bed.logs())
    found = media_crypto("v=0\r\nm=audio 1 RTP/SAVP 0\r\n" + "\r\n".join(set(lines)) + "\r\n")[0]
    relayed = [payload for _, _, payload in media_of_server(recorded(tmp_path / "call.pcap"))]
    count = opened(relayed, of_sdes(found))
    assert count.verified > 50
    assert count.verified + count.repeated == count.tried == len(relayed), "each came to the server and left it again"
    print(f"\nSDES: the a=crypto lines of the log open all of {len(relayed)} recorded packets")


def test_with_dtls_srtp_the_server_puts_its_own_fingerprint_in_between_and_the_phones_say_encrypted(
    bed: Bed, tmp_path: Path
) -> None:
    server = f"{bed.domain}:{bed.port}"
    with (
        Capture(tmp_path / "call.pcap"),
        Baresip(tmp_path / "alice", "alice", server, play=440, encryption="dtls_srtp") as alice,
        Baresip(tmp_path / "bob", "bob", server, play=700, encryption="dtls_srtp") as bob,
    ):
        alice.command("dial", f"sip:bob@{server}")
        assert hears(bob.hears(), alice.tone)
        said = alice.output + bob.output
    invites: dict[bool, set[bytes]] = {True: set(), False: set()}
    for source, _, payload in recorded(tmp_path / "call.pcap"):
        if payload.startswith(b"INVITE "):
            invites[source[0] == ADDRESS] |= set(re.findall(rb"a=fingerprint:([^\r\n]*)", payload))
    assert invites[False] and invites[True]
    assert not {each.lower() for each in invites[False]} & {each.lower() for each in invites[True]}
    assert re.search(r"(?i)dtls_srtp:.*(established|complete|encrypt)", said)
    print(f"\nDTLS-SRTP: Alice's fingerprint {invites[False]}, what Bob got {invites[True]}")


def test_hold_and_resume_keep_the_words_and_a_third_call_goes_on_beside(bed: Bed, tmp_path: Path) -> None:
    with Capture(tmp_path / "call.pcap"), proxied_call(bed, tmp_path) as (left, right, alice, bob):
        (before,) = left.views()
        server = f"{bed.domain}:{bed.port}"
        with (
            RunningProxy(ADDRESS, bed.port) as third,
            Baresip(
                tmp_path / "carol", "carol", f"{bed.domain}:{bed.port}", outbound=third.outbound, play=990
            ) as carol,
        ):
            carol.command("dial", f"sip:bob@{server}")
            third.secure()
            right.secure(calls=2)
            alice.command("hold")
            time.sleep(1.5)
            alice.command("resume")
            time.sleep(1.5)
        (after,) = left.secure()
        assert after.sas == before.sas
        assert after.verified_packets > before.verified_packets
        phone_ports = {*alice.rtp_ports, *bob.rtp_ports, *carol.rtp_ports}
    leaked = [
        (source, to)
        for source, to, payload in recorded(tmp_path / "call.pcap")
        if {source[1], to[1]} & phone_ports and ADDRESS in (source[0], to[0]) and classify(payload) is DatagramKind.RTP
    ]
    assert leaked == [], "no phone talks to the server past its proxy"


def test_video_is_protected_as_a_second_stream(bed: Bed, tmp_path: Path) -> None:
    server = f"{bed.domain}:{bed.port}"
    with (
        Capture(tmp_path / "call.pcap"),
        RunningProxy(ADDRESS, bed.port) as left,
        RunningProxy(ADDRESS, bed.port) as right,
        Baresip(tmp_path / "alice", "alice", server, outbound=left.outbound, video=True) as alice,
        Baresip(tmp_path / "bob", "bob", server, outbound=right.outbound, video=True) as bob,
    ):
        alice.command("dial", f"sip:bob@{server}")
        (view,) = left.when(lambda views: len(views[0].streams) == 2 and views[0].protection is Protection.SECURE)
        assert [kind for kind, _ in view.streams] == ["audio", "video"]
        right.secure()
        assert hears(bob.hears(), alice.tone)
        phone_ports = {*alice.rtp_ports, *bob.rtp_ports}
    capture = recorded(tmp_path / "call.pcap")
    video = [payload[1] & 127 for _, _, payload in media_of_server(capture)]
    assert len(set(video)) == 2, "payload types of sound and pictures"
    assert phone_ports.isdisjoint({end[1] for source, to, _ in media_of_server(capture) for end in (source, to)})


def test_a_call_to_somebody_without_zrtp_is_hung_up_on_both_phones_and_nothing_left(bed: Bed, tmp_path: Path) -> None:
    server = f"{bed.domain}:{bed.port}"
    with (
        Capture(tmp_path / "call.pcap"),
        RunningProxy(ADDRESS, bed.port) as proxy,
        Baresip(tmp_path / "alice", "alice", server, outbound=proxy.outbound) as alice,
        Baresip(tmp_path / "bob", "bob", server, play=700) as bob,
    ):
        alice.command("dial", f"sip:bob@{server}")
        wait_until(lambda: "session closed" in alice.output and "session closed" in bob.output, "nobody hung up", 30)
        assert any("has no ZRTP" in text for text in proxy.notices())
        bobs_ports = set(bob.rtp_ports)
    to_bob = [
        payload
        for source, to, payload in recorded(tmp_path / "call.pcap")
        if source[0] == ADDRESS and to[1] in bobs_ports and classify(payload) is DatagramKind.RTP
    ]
    assert to_bob == [], "the server had nothing to pass on"


def test_a_phone_behind_a_proxy_calls_a_softphone_that_has_zrtp_itself(bed: Bed, tmp_path: Path) -> None:
    LINPHONEC.require()
    server = f"{bed.domain}:{bed.port}"
    account: dict[str, dict[str, object]] = {
        "sip": {"default_proxy": 0},
        "proxy_0": {
            "reg_proxy": f"<sip:{server}>",
            "reg_route": f"<sip:{server};lr>",
            "reg_identity": f"sip:bob@{bed.domain}",
            "reg_sendregister": 1,
            "publish": 0,
        },
        "auth_info_0": {"username": "bob", "passwd": "bob-secret", "realm": bed.domain, "domain": bed.domain},
    }
    (tmp_path / "bob").mkdir()
    with (
        RunningProxy(ADDRESS, bed.port) as proxy,
        Linphonec(tmp_path / "bob", Settings(more=account), play=700) as bob,
        Baresip(tmp_path / "alice", "alice", server, outbound=proxy.outbound, play=440) as alice,
    ):
        registered = r'(?s)REGISTER [^\n]*\n.{0,2000}Authorization:[^\n]*username="bob"'
        wait_until(lambda: re.search(registered, bed.logs()), "linphonec does not register")
        alice.command("dial", f"sip:bob@{bed.domain}:{bed.port}")
        (view,) = proxy.secure()
        assert view.sas is not None
        assert bob.wait_for_sas() in (view.sas.letters(), view.sas.rendered)
        assert hears(alice.hears(), 700)
