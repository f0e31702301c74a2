"""What machines read."""

from __future__ import annotations

import json
from pathlib import Path

from tests.inspection.exchanges import named
from tests.inspection.recordings import KEY, OTHER_KEY, encrypted, lp_default, report_of, signalling
from tests.support.cases import every
from tests.support.pcap import CAPTURES
from zrtp.inspection import keys
from zrtp.inspection.machine import described
from zrtp.inspection.report import inspect


@every("capture", sorted(CAPTURES.glob("*.pcap")), ids=lambda path: path.stem)
def test_every_report_is_json(capture: Path) -> None:
    assert json.loads(json.dumps(described(inspect(capture))))["file"] == capture.name


def test_a_call_with_zrtp() -> None:
    found = described(inspect(lp_default()))
    (call,) = found["calls"]
    (stream,) = found["streams"]
    (exchange,) = stream["exchanges"]

    assert call["messages"][0] == {
        "t": 0.0,
        "from": "127.0.0.1:5162",
        "to": "127.0.0.1:5161",
        "transport": "UDP",
        "message": "INVITE",
        "carries": ["SDP", "zrtp-hash"],
    }
    assert (stream["keying"], stream["severity"]) == ("ZRTP", "note")
    assert [end["name"] for end in stream["ends"]] == ["alice", "bob"]
    assert stream["ends"][0]["sent"]["kinds"] == {"STUN": 2, "ZRTP": 6, "RTP": 155}
    assert (exchange["progress"], exchange["mode"], exchange["initiator"]) == ("secure", "DH", 0)
    assert exchange["suite"] == {
        "hash": "S256",
        "cipher": "AES1",
        "auth_tag": "HS80",
        "key_agreement": "DH3k",
        "sas": "B32",
    }
    hello = exchange["messages"][0]
    assert (hello["message"], hello["sequence"], hello["side"]) == ("Hello", 2937, 1)
    assert hello["checks"][0] == {"what": "CRC", "good": True, "by": "over the packet"}
    assert hello["fields"][0] == {"name": "preamble", "offset": 0, "length": 2, "value": "505a"}
    assert [each["name"] for each in hello["fields"][-2]["fields"]][:2] == ["hashes", "ciphers"]


def test_what_keys_opened_is_in_it_and_the_keys_are_not(tmp_path: Path) -> None:
    s0 = named("linphone_default").expect.s0.hex()
    found = described(inspect(lp_default(), keys.parse(f"s0 {s0}", "keys")))
    (stream,) = found["streams"]
    assert stream["ends"][0]["decrypted"] == {"tried": 155, "verified": 152}
    assert stream["exchanges"][0]["sas"] == "d3jb"
    assert stream["exchanges"][0]["messages"][-2]["decrypted"]["cache_interval"] == 0xFFFFFFFF
    assert s0 not in json.dumps(found)

    sdes = report_of(tmp_path, signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"]) + encrypted())
    assert "KA9q3" not in json.dumps(described(sdes))
