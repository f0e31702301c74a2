"""What only the sending end has to care about."""

from __future__ import annotations

import pytest

from tests.support.forking import in_child
from tests.support.srtp import keys, rtcp_packet, rtp_packet
from zrtp.errors import ApiMisuse
from zrtp.media.srtp import SrtpSender, srtp_pair
from zrtp.media.srtp.errors import SrtpReplayed


def protects(sender: SrtpSender) -> str:
    """What the sender says to one more packet of each kind."""
    said = []
    for protect, packet in ((sender.protect, rtp_packet(1)), (sender.protect_rtcp, rtcp_packet(1))):
        try:
            protect(packet)
            said.append("sealed")
        except ApiMisuse as error:
            said.append(str(error))
    return "\n".join(said)


@pytest.mark.attack("SID-07")
def test_after_a_fork_the_parent_goes_on_and_the_child_cannot_seal() -> None:
    """Two processes that seal under one key would use its keystream twice."""
    sender, _ = srtp_pair(keys(b"AES1", b"GCM ", seed=1), keys(b"AES1", b"GCM ", seed=2))
    sender.protect(rtp_packet(0))
    refused = in_child(lambda: protects(sender)).splitlines()

    assert len(refused) == 2
    assert "forked" in refused[0]
    assert "sealed" not in refused
    assert protects(sender) == "sealed\nsealed"


@pytest.mark.attack("SID-07")
def test_a_child_that_tried_has_let_go_of_the_keys() -> None:
    sender, _ = srtp_pair(keys(b"AES1", b"GCM ", seed=1), keys(b"AES1", b"GCM ", seed=2))

    def held() -> str:
        protects(sender)
        return type(sender._rtp.transform).__name__

    assert in_child(held) == "_Wiped"
    assert type(sender._rtp.transform).__name__ == "Gcm"


def test_a_child_seals_under_keys_of_its_own() -> None:
    def make() -> str:
        return protects(srtp_pair(keys(b"AES3", b"HS80", seed=3), keys(b"AES3", b"HS80", seed=4))[0])

    assert in_child(make) == "sealed\nsealed"


@pytest.mark.parametrize("tag", [b"HS80", b"GCM "])
def test_no_two_rtcp_packets_are_sealed_under_one_index(tag: bytes) -> None:
    """That would use a keystream twice; also the same packet comes out differently, and the receiver takes both."""
    sender, _ = srtp_pair(keys(b"AES1", tag, seed=1), keys(b"AES1", tag, seed=2))
    _, receiver = srtp_pair(keys(b"AES1", tag, seed=2), keys(b"AES1", tag, seed=1))
    report = rtcp_packet(1)
    sealed = [sender.protect_rtcp(report) for _ in range(3)]
    assert len({datagram[8:-14] for datagram in sealed}) == 3
    assert [receiver.unprotect_rtcp(datagram) for datagram in sealed] == [report] * 3


@pytest.mark.parametrize("tag", [b"HS80", b"HS32", b"GCM "])
def test_the_last_packet_may_be_given_again_and_comes_out_the_same(tag: bytes) -> None:
    """As phones do at the end of a DTMF event. The receiver takes it once."""
    sender, _ = srtp_pair(keys(b"AES1", tag, seed=1), keys(b"AES1", tag, seed=2))
    _, receiver = srtp_pair(keys(b"AES1", tag, seed=2), keys(b"AES1", tag, seed=1))
    end = rtp_packet(7, b"\x05\x80\x03\x20")
    first = sender.protect(end)
    assert [sender.protect(end), sender.protect(end)] == [first, first]

    assert receiver.unprotect(first) == end
    with pytest.raises(SrtpReplayed):
        receiver.unprotect(first)


def test_another_packet_with_the_number_of_the_last_one_is_refused() -> None:
    sender, _ = srtp_pair(keys(b"AES1", b"HS80", seed=1), keys(b"AES1", b"HS80", seed=2))
    sender.protect(rtp_packet(7, b"one"))
    with pytest.raises(SrtpReplayed):
        sender.protect(rtp_packet(7, b"two"))


def test_a_packet_before_the_last_one_is_not_given_again() -> None:
    sender, _ = srtp_pair(keys(b"AES1", b"HS80", seed=1), keys(b"AES1", b"HS80", seed=2))
    sender.protect(rtp_packet(7, b"one"))
    sender.protect(rtp_packet(8, b"two"))
    with pytest.raises(SrtpReplayed):
        sender.protect(rtp_packet(7, b"one"))
