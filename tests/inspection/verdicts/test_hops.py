"""The way that keys took."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.recordings import (
    KEY,
    OTHER,
    OTHER_KEY,
    PHONE,
    SERVER,
    encrypted,
    reasons_of,
    signalling,
    stream_of,
)
from tests.support.frames import ALICE, sdp, sip_request


def test_the_hops_before_are_named_with_their_transport(tmp_path: Path) -> None:
    vias = ["Via: SIP/2.0/TLS proxy.example.org;branch=2", "Via: SIP/2.0/WSS browser.invalid;branch=3"]
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"], extra=vias) + encrypted()
    found = reasons_of(stream_of(tmp_path, sent))
    assert (
        "had come through proxy.example.org (by TLS, and read there), browser.invalid (by WSS, and read there)" in found
    )


def test_a_key_that_goes_over_a_server_is_seen_on_every_hop(tmp_path: Path) -> None:
    invite = sip_request("INVITE", sdp(ALICE, f"crypto:{KEY}", protocol="RTP/SAVP"))
    _, answer = signalling([], [f"crypto:{OTHER_KEY}"], protocol="RTP/SAVP")
    sent = [(PHONE, SERVER, invite), (SERVER, OTHER, invite), answer, *encrypted()]
    found = reasons_of(stream_of(tmp_path, sent))
    assert "192.0.2.10:5060 -> 192.0.2.1:5060 (UDP, no TLS), 192.0.2.1:5060 -> 192.0.2.20:5060 (UDP, no TLS)" in found
