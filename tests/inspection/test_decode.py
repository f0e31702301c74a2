"""What messages say, in lines for people."""

from __future__ import annotations

from tests.inspection.exchanges import exchange_of, messages_of, named
from tests.support.cases import every
from zrtp.inspection.decode import checks, fields, fields_as_data, summary
from zrtp.inspection.steps import Step
from zrtp.wire.messages import CONF2ACK, Error, Ping, PingACK, parse


def step(message: bytes) -> Step:
    found = parse(message)
    return Step(number=1, time=0.0, side=0, title=found.kind.text, message=found, raw=message)


@every(
    ("message", "lines"),
    [
        (Error.make(code=0x62).raw, ["0x62: the committed hash does not match DHPart2: an attack, or a broken peer"]),
        (Error.make(code=0x999).raw, ["0x999: other error (0x999)"]),
        (Ping.make(version=b"1.10", endpoint_hash=b"endpoint").raw, ["endpoint 656e64706f696e74"]),
        (
            PingACK.make(
                version=b"1.10", sender_endpoint_hash=b"endpoint", received_endpoint_hash=bytes(8), ssrc=0xABC
            ).raw,
            ["endpoint 656e64706f696e74 for SSRC 00000abc"],
        ),
        (CONF2ACK.raw, []),
    ],
)
def test_short_messages(message: bytes, lines: list[str]) -> None:
    assert summary(step(message)) == lines


def test_a_commit_in_every_mode() -> None:
    def said(name: str) -> list[str]:
        return summary(step(named(name).messages.commit))

    assert said("linphone_default") == ["DH3k S256 AES1 HS80 B32", "hvi b5f257b66d596aa9..."]
    assert said("linphone_video_s1")[0].startswith("Mult S256")
    assert said("linphone_video_s1")[1].startswith("nonce ")
    assert ", key ID " in said("synthetic_prsh_s256_aes1_rs1")[1]
    assert "public key of" in said("bzrtp_k255_s256_aes1_hs80_initiator")[1]


def test_what_was_verified_and_what_was_not() -> None:
    found = step(named("linphone_default").messages.commit)
    assert checks(found) == ["MAC: needs a later message or the keys"]
    found.check("CRC", True, "over the packet")
    found.check("MAC", False, "keyed with H1, from DHPart2")
    assert checks(found) == ["good: CRC", "WRONG: MAC (keyed with H1, from DHPart2)"]


def test_a_text_from_outside_cannot_command_a_terminal() -> None:
    hello = bytearray(named("linphone_default").messages.hello_i)
    hello[16:20] = b"\x1b[2J"
    hello[80:84] = b"\x1b]0;"
    assert all(line.isprintable() for line in [*summary(step(bytes(hello))), *fields(step(bytes(hello)))])


def test_fields_of_every_message_of_a_call() -> None:
    exchange = exchange_of(messages_of(named("linphone_default").messages))
    for each in exchange.steps:
        assert [line for line in fields(each) if line.split()[1] == "preamble"]
        assert sum(field["length"] for field in fields_as_data(each)) == len(each.raw)


def test_a_repetition_and_a_damaged_packet_have_no_fields() -> None:
    sent = messages_of(named("linphone_default").messages)[:1]
    exchange = exchange_of([*sent, *sent])
    assert list(fields(exchange.steps[1])) == []
    assert fields_as_data(Step(number=1, time=0.0, side=0, title="damaged packet")) == []
