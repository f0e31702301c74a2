"""Session descriptions: what they say, and how addresses become ours."""

from __future__ import annotations

import random

import pytest

from tests.proxy.stage import sdp
from zrtp.proxy.description import ON_HOLD, MalformedDescription, SectionChange, read, rewritten

HASH = "1.10 " + "ab" * 32
OTHER_HASH = "1.10 " + "cd" * 32

LINPHONE_VIDEO_CALL = """\
v=0
o=alice 2890 1 IN IP4 127.0.0.1
s=Talk
c=IN IP4 127.0.0.1
b=AS:380
t=0 0
a=ice-pwd:secret
a=ice-ufrag:user
a=group:BUNDLE as vs
a=rtcp-xr:rcvr-rtt=all:10000
a=record:off
m=audio 7078 RTP/AVPF 96 0
c=IN IP4 192.0.2.2
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=mid:as
a=rtcp:7079 IN IP4 192.0.2.2
a=rtcp-mux
a=rtcp-fb:* trr-int 5000
a=rtcp-rsize
a=zrtp-hash:1.10 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
a=candidate:1 1 UDP 2130706303 192.168.1.4 7078 typ host
a=remote-candidates:1 192.0.2.2 7078
a=ssrc:2699571104 cname:alice
m=video 9078 RTP/AVPF 97
a=rtpmap:97 VP8/90000
a=sendonly
m=image 0 udptl t38
""".replace("\n", "\r\n")


EXPECTED = f"""\
v=0
o=alice 2890 1 IN IP4 198.51.100.7
s=Talk
c=IN IP4 198.51.100.7
b=AS:380
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000
a=record:off
m=audio 20000 RTP/AVPF 96 0
c=IN IP4 198.51.100.7
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=mid:as
a=rtcp:20001
a=rtcp-mux
a=rtcp-fb:* trr-int 5000
a=rtcp-rsize
a=ssrc:2699571104 cname:alice
a=zrtp-hash:{HASH}
m=video 20004 RTP/AVPF 97
a=rtpmap:97 VP8/90000
a=sendonly
a=zrtp-hash:{OTHER_HASH}
m=image 0 udptl t38
"""


def test_what_a_description_says() -> None:
    audio, video, image = read(LINPHONE_VIDEO_CALL)

    assert (audio.kind, audio.host, audio.port, audio.rtcp) == ("audio", "192.0.2.2", 7078, ("192.0.2.2", 7079))
    assert (audio.mux, video.mux) == (True, False)
    assert audio.ssrc == 2699571104
    assert audio.zrtp_hashes[0].hash.hex().startswith("0123")
    assert audio.plain_rtp and not audio.secure_profile and not audio.has_keys
    assert (video.host, video.rtcp) == ("127.0.0.1", ("127.0.0.1", 9079))
    assert (video.sends, video.receives) == (True, False)
    assert not image.used


def test_addresses_become_ours_and_what_leads_past_the_proxy_goes() -> None:
    changed = rewritten(
        LINPHONE_VIDEO_CALL,
        "198.51.100.7",
        [
            SectionChange(port=20000, hello_hash=HASH),
            SectionChange(port=20004, hello_hash=OTHER_HASH),
            SectionChange(port=0),
        ],
    )

    assert changed == EXPECTED.replace("\n", "\r\n")


def test_the_same_description_is_changed_the_same_way_each_time() -> None:
    changes = [SectionChange(port=20000, hello_hash=HASH)] * 2 + [SectionChange(port=0)]
    once = rewritten(LINPHONE_VIDEO_CALL, "198.51.100.7", changes)
    assert once == rewritten(LINPHONE_VIDEO_CALL, "198.51.100.7", changes)
    assert once == rewritten(once, "198.51.100.7", changes), "and nothing more happens to it a second time"


def test_towards_the_phone_the_hash_is_taken_out() -> None:
    changed = rewritten(
        LINPHONE_VIDEO_CALL, "127.0.0.1", [SectionChange(port=20000), SectionChange(port=20004), SectionChange(port=0)]
    )
    assert "zrtp-hash" not in changed


def test_the_announcement_for_a_second_place_stands_beside_the_first_and_goes_as_it_does() -> None:
    outside = rewritten(
        sdp("10.0.0.7", 7000), "192.0.2.9", [SectionChange(port=20000, hello_hash=HASH, fork_hash=OTHER_HASH)]
    )
    (section,) = read(outside)
    assert [str(found) for found in (*section.zrtp_hashes, *section.fork_hashes)] == [HASH, OTHER_HASH]
    assert "zrtp-hash" not in rewritten(outside, "127.0.0.1", [SectionChange(port=20000)])
    assert read(outside.replace("fork:1.10 cd", "fork:1.10 xx"))[0].fork_hashes == ()


def test_a_section_that_is_left_alone_keeps_its_address_although_that_stood_above_all_sections() -> None:
    offer = sdp("10.0.0.7", 7000) + "m=image 7004 udptl t38\r\na=candidate:x\r\n"

    changed = rewritten(offer, "198.51.100.7", [SectionChange(port=20000, hello_hash=HASH), None])

    assert changed.endswith("m=image 7004 udptl t38\r\nc=IN IP4 10.0.0.7\r\na=candidate:x\r\n")
    assert read(changed)[0].host == "198.51.100.7"
    assert read(changed)[1].host == "10.0.0.7"


def test_rtcp_stays_on_the_port_of_rtp_or_apart_from_it() -> None:
    for rtcp, ours in (("a=rtcp:7000", "a=rtcp:20000"), ("a=rtcp:9999 IN IP4 192.0.2.2", "a=rtcp:20001")):
        offer = sdp("192.0.2.2", 7000, rtcp, "a=rtcp-mux-only")
        assert read(offer)[0].mux
        lines = rewritten(offer, "127.0.0.1", [SectionChange(port=20000)]).split("\r\n")
        assert ours in lines and "a=rtcp-mux-only" in lines


def test_of_a_bundle_remains_what_is_left_alone() -> None:
    video = "m=video 7002 RTP/SAVP 97\r\na=mid:v\r\nm=video 7004 RTP/SAVP 97\r\na=mid:w\r\n"
    offer = (
        sdp("192.0.2.2", 7000, "a=mid:a").replace("t=0 0", "t=0 0\r\na=group:BUNDLE a v w\r\na=group:LS a v") + video
    )

    apart = rewritten(
        offer, "127.0.0.1", [SectionChange(port=20000), SectionChange(port=20004), SectionChange(port=20008)]
    )
    assert "BUNDLE" not in apart and "a=group:LS a v\r\n" in apart
    assert "a=group:BUNDLE v w\r\n" in rewritten(offer, "127.0.0.1", [SectionChange(port=20000), None, None])


def test_the_old_way_of_holding_stays_on_hold() -> None:
    held = sdp("127.0.0.1", 7000).replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0")

    changed = rewritten(held, "198.51.100.7", [SectionChange(port=20000)])

    assert "c=IN IP4 0.0.0.0\r\n" in changed
    assert "m=audio 20000 " in changed
    assert not read(held)[0].reachable


def test_ipv6() -> None:
    offer = sdp("2001:db8::7", 7000).replace("IP4", "IP6")
    assert read(offer)[0].host == "2001:db8::7"
    assert "c=IN IP6 2001:db8::9\r\n" in rewritten(offer, "2001:db8::9", [SectionChange(port=20000)])


def test_a_secure_profile_with_only_zrtp_is_plain_rtp_to_a_phone() -> None:
    offer = sdp("192.0.2.2", 7000, f"a=zrtp-hash:{HASH}").replace("RTP/AVP", "RTP/SAVP")
    (section,) = read(offer)
    assert section.plain_rtp

    changed = rewritten(offer, "127.0.0.1", [SectionChange(port=20000, protocol="RTP/AVP", keys=False)])
    assert "m=audio 20000 RTP/AVP 0\r\n" in changed


def test_keys_are_seen_wherever_they_stand_and_go_only_where_that_is_asked_for() -> None:
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    offer = sdp("192.0.2.2", 7000, crypto)
    assert read(offer)[0].has_keys
    assert crypto in rewritten(offer, "127.0.0.1", [SectionChange(port=20000)])
    assert crypto not in rewritten(offer, "127.0.0.1", [SectionChange(port=20000, keys=False)])

    dtls = sdp("192.0.2.2", 7000).replace("t=0 0", "t=0 0\r\na=fingerprint:sha-256 00:11")
    assert read(dtls)[0].has_keys


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("v=0\r\nm=audio seven RTP/AVP 0\r\n", "cannot be read"),
        ("v=0\r\nm=audio 70000 RTP/AVP 0\r\nc=IN IP4 x\r\n", "cannot be read"),
        ("v=0\r\nm=audio 7000 RTP/AVP 0\r\n", "no c= line"),
        (sdp("192.0.2.1", 7000) + "m=audio 7002 RTP/AVP 0\r\n" * 8, "more than 8"),
    ],
)
def test_what_cannot_be_followed_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(MalformedDescription, match=sentence):
        read(text)


def test_mutated_descriptions_are_followed_or_refused_and_never_keep_the_phones_address() -> None:
    dice = random.Random(3)
    followed = 0
    for _ in range(600):
        mutated = list(LINPHONE_VIDEO_CALL)
        for _ in range(dice.randrange(1, 5)):
            mutated[dice.randrange(len(mutated))] = dice.choice("\r\n:= /0am\udcff")
        text = "".join(mutated)
        try:
            sections = read(text)
        except MalformedDescription:
            continue
        followed += 1
        changed = rewritten(text, "198.51.100.7", [SectionChange(port=20000 + 4 * n) for n in range(len(sections))])
        for section in read(changed):
            assert section.host in ("198.51.100.7", "", *ON_HOLD)
    assert followed > 150
