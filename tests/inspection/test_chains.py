"""The hash chain of one side, as it is revealed."""

from __future__ import annotations

from tests.inspection.exchanges import flipped, named
from zrtp.crypto.hashes import sha256
from zrtp.inspection.chains import Chain
from zrtp.inspection.findings import Findings
from zrtp.inspection.steps import Step
from zrtp.wire.messages import parse

VECTOR = named("linphone_default")
DH, H0 = VECTOR.messages, VECTOR.initiator.h0


def step(message: bytes | None, number: int) -> Step:
    assert message is not None
    found = parse(message)
    return Step(number=number, time=0.0, side=0, title=found.kind.text, message=found, raw=message)


def checked(each: Step) -> dict[str, bool]:
    return {check.what: check.good for check in each.checks}


def test_each_preimage_opens_all_messages_before_it() -> None:
    hello, commit, dhpart = (step(each, n) for n, each in enumerate((DH.hello_i, DH.commit, DH.dhpart2), 1))
    chain = Chain(Findings(), "alice")
    chain.add(hello)
    assert checked(hello) == {}
    chain.add(commit)
    assert (checked(hello), checked(commit)) == ({"MAC": True}, {"H2": True})
    chain.add(dhpart)
    assert (checked(commit), checked(dhpart)) == ({"H2": True, "MAC": True}, {"H1": True})
    confirm = step(DH.confirm2, 4)
    assert chain.complete(confirm, H0)
    assert (checked(dhpart), checked(confirm)) == ({"H1": True, "MAC": True}, {"H0": True})


def test_h0_opens_a_hello_over_the_messages_that_were_not_sent() -> None:
    hello = step(DH.hello_i, 1)
    chain = Chain(Findings(), "alice")
    chain.add(hello)
    assert chain.complete(step(DH.confirm2, 2), H0)
    assert checked(hello) == {"MAC": True}


def test_what_does_not_continue_the_chain_is_told_once() -> None:
    findings = Findings()
    chain = Chain(findings, "alice")
    chain.add(step(DH.hello_i, 1))
    confirm = step(DH.confirm2, 2)
    assert not chain.complete(confirm, sha256(H0))
    assert checked(confirm) == {"H0": False}
    (finding,) = findings
    assert (finding.step, finding.section) == (2, "RFC 6189 section 9")
    assert finding.text.startswith("H0 in Confirm2 of alice does not continue the hash chain of its Hello")


def test_of_two_hellos_the_one_that_fits_is_opened() -> None:
    stranger, own = step(flipped(DH.hello_i, 40), 1), step(DH.hello_i, 2)
    findings = Findings()
    chain = Chain(findings, "alice")
    chain.add(stranger)
    chain.add(own)
    chain.add(step(DH.commit, 3))
    assert (checked(stranger), checked(own)) == ({}, {"MAC": True})
    assert list(findings) == []


def test_without_earlier_messages_there_is_nothing_to_compare() -> None:
    chain = Chain(Findings(), "alice")
    commit = step(DH.commit, 1)
    chain.add(commit)
    assert checked(commit) == {}
