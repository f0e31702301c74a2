"""Messages for tests: any well-formed one (Hypothesis), one of each kind, one built again from its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from zrtp.wire import messages as wire
from zrtp.wire.crc import crc32c
from zrtp.wire.messages import Message


def rebuild(message: Message) -> bytes:
    """The octets that `make` gives for the fields of a message."""
    match message:
        case wire.Hello():
            return wire.Hello.make(
                version=message.version,
                client_id=message.client_id,
                h3=message.h3,
                zid=message.zid,
                signature_capable=message.signature_capable,
                mitm=message.mitm,
                passive=message.passive,
                hashes=message.hashes,
                ciphers=message.ciphers,
                auth_tags=message.auth_tags,
                key_agreements=message.key_agreements,
                sas_types=message.sas_types,
                mac=fixed_mac(message.mac),
            ).raw
        case wire.Commit():
            return wire.Commit.make(
                h2=message.h2,
                zid=message.zid,
                hash=message.hash,
                cipher=message.cipher,
                auth_tag=message.auth_tag,
                key_agreement=message.key_agreement,
                sas=message.sas,
                hvi=message.hvi,
                public_key=message.public_key,
                nonce=message.nonce,
                key_id=message.key_id,
                mac=fixed_mac(message.mac),
            ).raw
        case wire.DHPart1() | wire.DHPart2():
            return (
                type(message)
                .make(
                    h1=message.h1,
                    rs1_id=message.rs1_id,
                    rs2_id=message.rs2_id,
                    aux_secret_id=message.aux_secret_id,
                    pbx_secret_id=message.pbx_secret_id,
                    pv=message.pv,
                    mac=fixed_mac(message.mac),
                )
                .raw
            )
        case wire.Confirm1() | wire.Confirm2():
            return type(message).make(confirm_mac=message.confirm_mac, iv=message.iv, ciphertext=message.ciphertext).raw
        case wire.SASrelay():
            return wire.SASrelay.make(mac=message.mac, iv=message.iv, ciphertext=message.ciphertext).raw
        case wire.Error():
            return wire.Error.make(code=message.code).raw
        case wire.GoClear():
            return wire.GoClear.make(clear_mac=message.clear_mac).raw
        case wire.Ping():
            return wire.Ping.make(version=message.version, endpoint_hash=message.endpoint_hash).raw
        case wire.PingACK():
            return wire.PingACK.make(
                version=message.version,
                sender_endpoint_hash=message.sender_endpoint_hash,
                received_endpoint_hash=message.received_endpoint_hash,
                ssrc=message.ssrc,
            ).raw
        case wire.HelloACK() | wire.Conf2ACK() | wire.ErrorACK() | wire.ClearACK() | wire.RelayACK():
            return message.raw
        case _:
            assert_never(message)


def fixed_mac(mac: bytes) -> Callable[[bytes], bytes]:
    """A MAC function that is none: always the same octets."""
    return lambda covered: mac


def reseal(datagram: bytes) -> bytes:
    """The datagram with its last four octets replaced by the right CRC."""
    return datagram[:-4] + crc32c(datagram[:-4]).to_bytes(4, "little")


def hello(**changes: object) -> wire.Hello:
    """A Hello of fixed octets; `changes` replace fields."""
    fields: dict[str, object] = {
        "version": b"1.10",
        "client_id": b"test            ",
        "h3": bytes(range(32)),
        "zid": bytes(range(12)),
        "signature_capable": False,
        "mitm": False,
        "passive": False,
        "hashes": (b"S256", b"S384"),
        "ciphers": (b"AES1", b"AES3"),
        "auth_tags": (b"HS32", b"HS80"),
        "key_agreements": (b"X255", b"DH3k", b"Mult"),
        "sas_types": (b"B32 ",),
        "mac": fixed_mac(b"hellomac"),
    }
    return wire.Hello.make(**(fields | changes))  # type: ignore[arg-type]


def commit(**changes: object) -> wire.Commit:
    """A DH Commit of fixed octets; `changes` replace fields."""
    fields: dict[str, object] = {
        "h2": bytes(range(32)),
        "zid": bytes(range(12)),
        "hash": b"S256",
        "cipher": b"AES1",
        "auth_tag": b"HS80",
        "key_agreement": b"X255",
        "sas": b"B32 ",
        "mac": fixed_mac(b"commimac"),
    }
    if changes.get("key_agreement") not in (b"Mult", b"Prsh"):
        fields["hvi"] = bytes(range(100, 132))
    return wire.Commit.make(**(fields | changes))  # type: ignore[arg-type]


def dhpart1(pv: bytes = bytes(range(32))) -> wire.DHPart1:
    """A DHPart1 of fixed octets around a public value."""
    return wire.DHPart1.make(
        h1=bytes(range(32)),
        rs1_id=b"rs1rs1rs",
        rs2_id=b"rs2rs2rs",
        aux_secret_id=b"auxauxau",
        pbx_secret_id=b"pbxpbxpb",
        pv=pv,
        mac=fixed_mac(b"dhparmac"),
    )


def dhpart2(pv: bytes = bytes(range(32))) -> wire.DHPart2:
    """A DHPart2 of fixed octets around a public value."""
    part = dhpart1(pv)
    return wire.DHPart2.make(
        h1=part.h1,
        rs1_id=part.rs1_id,
        rs2_id=part.rs2_id,
        aux_secret_id=part.aux_secret_id,
        pbx_secret_id=part.pbx_secret_id,
        pv=pv,
        mac=fixed_mac(part.mac),
    )


def confirm1(plain_octets: int = 40) -> wire.Confirm1:
    """A Confirm1 whose encrypted part has this length."""
    return wire.Confirm1.make(
        confirm_mac=b"confimac", iv=bytes(range(16)), ciphertext=(bytes(range(256)) * 9)[:plain_octets]
    )


def sasrelay(plain_octets: int = 40) -> wire.SASrelay:
    """A SASrelay whose encrypted part has this length."""
    return wire.SASrelay.make(mac=b"relaymac", iv=bytes(range(16)), ciphertext=(bytes(range(256)) * 9)[:plain_octets])


def one_of_each() -> list[Message]:
    """One message of each kind, and one of each mode of Commit."""
    confirm = confirm1()
    return [
        hello(),
        wire.HELLO_ACK,
        commit(),
        commit(key_agreement=b"X3M3", public_key=bytes(1624)),
        commit(key_agreement=b"Mult", nonce=bytes(range(16))),
        commit(key_agreement=b"Prsh", nonce=bytes(range(16)), key_id=b"key id  "),
        dhpart1(),
        dhpart2(),
        confirm,
        wire.Confirm2.make(confirm_mac=confirm.confirm_mac, iv=confirm.iv, ciphertext=confirm.ciphertext),
        wire.CONF2ACK,
        wire.Error.make(code=0x20),
        wire.ERROR_ACK,
        wire.GoClear.make(clear_mac=b"clearmac"),
        wire.CLEAR_ACK,
        sasrelay(),
        wire.RELAY_ACK,
        wire.Ping.make(version=b"1.10", endpoint_hash=b"endpoint"),
        wire.PingACK.make(
            version=b"1.10",
            sender_endpoint_hash=b"sender  ",
            received_endpoint_hash=b"endpoint",
            ssrc=0x01020304,
        ),
    ]


def octets_of(count: int) -> SearchStrategy[bytes]:
    """Exactly so many octets."""
    return st.binary(min_size=count, max_size=count)


def words_between(minimum: int, maximum: int) -> SearchStrategy[bytes]:
    """Whole words of octets."""
    return st.integers(minimum, maximum).flatmap(lambda count: octets_of(4 * count))


_macs = octets_of(8).map(fixed_mac)
_code_lists = st.lists(octets_of(4), max_size=7).map(tuple)
_dh_codes = octets_of(4).filter(lambda code: code not in (b"Mult", b"Prsh"))
_ssrcs = st.integers(0, 0xFFFFFFFF)

_commit_choices = {
    "h2": octets_of(32),
    "zid": octets_of(12),
    "hash": octets_of(4),
    "cipher": octets_of(4),
    "auth_tag": octets_of(4),
    "sas": octets_of(4),
    "mac": _macs,
}
_dhpart_fields = {
    "h1": octets_of(32),
    "rs1_id": octets_of(8),
    "rs2_id": octets_of(8),
    "aux_secret_id": octets_of(8),
    "pbx_secret_id": octets_of(8),
    "pv": words_between(1, 50),
    "mac": _macs,
}
_confirm_fields = {"confirm_mac": octets_of(8), "iv": octets_of(16), "ciphertext": words_between(10, 40)}

hellos: SearchStrategy[wire.Hello] = st.builds(
    wire.Hello.make,
    version=octets_of(4),
    client_id=octets_of(16),
    h3=octets_of(32),
    zid=octets_of(12),
    hashes=_code_lists,
    ciphers=_code_lists,
    auth_tags=_code_lists,
    key_agreements=_code_lists,
    sas_types=_code_lists,
    mac=_macs,
)
commits: SearchStrategy[wire.Commit] = st.one_of(
    st.builds(
        wire.Commit.make,
        **_commit_choices,
        key_agreement=_dh_codes,
        hvi=octets_of(32),
        public_key=words_between(0, 50),
        nonce=st.none(),
        key_id=st.none(),
    ),
    st.builds(
        wire.Commit.make,
        **_commit_choices,
        key_agreement=st.just(b"Mult"),
        hvi=st.none(),
        public_key=st.just(b""),
        nonce=octets_of(16),
        key_id=st.none(),
    ),
    st.builds(
        wire.Commit.make,
        **_commit_choices,
        key_agreement=st.just(b"Prsh"),
        hvi=st.none(),
        public_key=st.just(b""),
        nonce=octets_of(16),
        key_id=octets_of(8),
    ),
)
messages: SearchStrategy[Message] = st.one_of(
    hellos,
    commits,
    st.builds(wire.DHPart1.make, **_dhpart_fields),
    st.builds(wire.DHPart2.make, **_dhpart_fields),
    st.builds(wire.Confirm1.make, **_confirm_fields),
    st.builds(wire.Confirm2.make, **_confirm_fields),
    st.builds(wire.SASrelay.make, mac=octets_of(8), iv=octets_of(16), ciphertext=words_between(10, 40)),
    st.builds(wire.Error.make, code=st.integers(0, 0xFFFFFFFF)),
    st.builds(wire.GoClear.make, clear_mac=octets_of(8)),
    st.builds(wire.Ping.make, version=octets_of(4), endpoint_hash=octets_of(8)),
    st.builds(
        wire.PingACK.make,
        version=octets_of(4),
        sender_endpoint_hash=octets_of(8),
        received_endpoint_hash=octets_of(8),
        ssrc=_ssrcs,
    ),
    st.sampled_from([wire.HELLO_ACK, wire.CONF2ACK, wire.ERROR_ACK, wire.CLEAR_ACK, wire.RELAY_ACK]),
)
"""Any well-formed message of any kind."""
