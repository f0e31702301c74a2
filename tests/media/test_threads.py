"""A socket look-alike in programs with threads: real sockets on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.forking import in_child
from tests.support.inside import call_of
from tests.support.locking import locked
from zrtp.cache.interface import RecordUpdate, SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media.errors import NotSecured
from zrtp.media.events import CallEvent, MediaTrouble, Trouble
from zrtp.media.threads import SecureSocket
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Closed, NoPeer, SasReady, Secured, SecurityWarning

FAST = Config(key_agreements=(b"X255",))

pytestmark = pytest.mark.usefixtures("store")  # which must not be used on a thread of the program


def packet(sequence: int, payload: bytes = b"sound" * 30, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence, 160 * sequence, ssrc) + payload


class Phone:
    """A socket, the thread that receives from it, and what it received."""

    def __init__(self, config: Config = FAST, endpoint: Endpoint | None = None, **options: Any) -> None:
        self.events: list[CallEvent] = []
        self.socket = SecureSocket(
            endpoint if endpoint is not None else Endpoint(config), on_event=self._told, **options
        )
        self.socket.bind(("127.0.0.1", 0))
        self.heard: list[bytes] = []
        self.arrived = threading.Condition()
        self._receiver = threading.Thread(target=self._receive, daemon=True)

    def call(self, other: Phone | None) -> None:
        self.socket.start(None if other is None else other.socket.getsockname())
        self._receiver.start()

    def wait_for_trouble(self) -> Trouble:
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(isinstance(event, MediaTrouble) for event in self.events), 5.0)
        (trouble,) = (event.trouble for event in self.events if isinstance(event, MediaTrouble))
        return trouble

    def wait_for(self, count: int) -> list[bytes]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.heard) >= count, 5.0)
        return self.heard

    def hung_up(self, seconds: float = 5.0) -> None:
        """Wait until whoever receives has learnt that the socket is closed, at most so long."""
        self._receiver.join(seconds)

    def close(self) -> None:
        self.socket.close()
        if self._receiver.is_alive():
            self._receiver.join(5.0)
            assert not self._receiver.is_alive(), "recv learns that the socket was closed"

    def _told(self, event: CallEvent) -> None:
        with self.arrived:
            self.events.append(event)
            self.arrived.notify_all()

    def _receive(self) -> None:
        try:
            while True:
                data = self.socket.recv()
                with self.arrived:
                    self.heard.append(data)
                    self.arrived.notify_all()
        except OSError:
            pass


@contextmanager
def two(**options: Any) -> Iterator[tuple[Phone, Phone]]:
    alice, bob = Phone(**options), Phone(**options)
    try:
        bob.call(alice)
        alice.call(bob)
        for phone in (alice, bob):
            phone.socket.secured(timeout=5.0)
        yield alice, bob
    finally:
        alice.close()
        bob.close()


def test_plain_packets_go_in_and_come_out() -> None:
    with two() as (alice, bob):
        assert alice.socket.send(packet(1)) == len(packet(1))
        assert bob.wait_for(1) == [packet(1)]
        report = bytes.fromhex("80c80006000000aa") + bytes(20)
        bob.socket.sendto(report, alice.socket.getsockname())
        assert alice.wait_for(1) == [report]
        (said,) = {str(event.sas) for phone in (alice, bob) for event in phone.events if isinstance(event, SasReady)}
        assert said


def test_what_is_no_packet_does_not_make_whoever_receives_wait_longer() -> None:
    outcome: list[BaseException] = []

    def receive(quiet: SecureSocket) -> None:
        try:
            quiet.recv()
        except OSError as error:
            outcome.append(error)

    with (
        SecureSocket(Endpoint(FAST), ssrc=5) as quiet,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody,
    ):
        quiet.bind(("127.0.0.1", 0))
        quiet.settimeout(0.02)
        waiting = threading.Thread(target=receive, args=[quiet])
        waiting.start()
        for _ in range(500):
            if not waiting.is_alive():
                break
            anybody.sendto(b"garbage", quiet.getsockname())
            waiting.join(0.01)
        assert [type(error) for error in outcome] == [TimeoutError]


def test_closing_wakes_whoever_got_something_else_than_a_packet_and_waits_on() -> None:
    phone = Phone()
    phone.socket.settimeout(60.0)
    phone.call(None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
        anybody.sendto(b"garbage", phone.socket.getsockname())
    while not phone.socket.media.counters.foreign:
        phone.hung_up(0.001)
    phone.hung_up(0.02)
    phone.close()


def test_an_empty_datagram_is_nothing_and_ends_nothing() -> None:
    with two() as (alice, bob):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
            anybody.sendto(b"", bob.socket.getsockname())
        alice.socket.send(packet(1))
        assert bob.wait_for(1) == [packet(1)]


def test_one_thread_sends_while_another_receives_at_both_ends() -> None:
    """Every packet arrives whole, with its own payload."""
    count = 400
    with two() as (alice, bob):
        turn = threading.Semaphore(64)  # what may be on its way, so that no buffer of the system overflows

        def send(phone: Phone, ssrc: int) -> None:
            for sequence in range(count):
                turn.acquire(timeout=1.0)
                phone.socket.send(packet(sequence, struct.pack("!II", ssrc, sequence) * 20, ssrc))

        def drain(phone: Phone) -> None:
            for number in range(1, count + 1):
                phone.wait_for(number)
                turn.release()

        threads = [threading.Thread(target=send, args=(phone, ssrc)) for phone, ssrc in ((alice, 1), (bob, 2))]
        threads += [threading.Thread(target=drain, args=(phone,)) for phone in (alice, bob)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10.0)
        assert bob.heard == [packet(n, struct.pack("!II", 1, n) * 20, 1) for n in range(count)]
        assert alice.heard == [packet(n, struct.pack("!II", 2, n) * 20, 2) for n in range(count)]


def test_four_threads_that_send_at_once_spoil_no_packet() -> None:
    count = 40
    with two() as (alice, bob):

        def send(ssrc: int) -> None:
            for sequence in range(count):
                alice.socket.send(packet(sequence, struct.pack("!II", ssrc, sequence) * 20, ssrc))

        threads = [threading.Thread(target=send, args=(ssrc,)) for ssrc in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10.0)
        heard = bob.wait_for(4 * count)
        for each in heard:
            sequence, ssrc = struct.unpack_from("!H", each, 2)[0], struct.unpack_from("!I", each, 8)[0]
            assert each[12:] == struct.pack("!II", ssrc, sequence) * 20
        assert bob.socket.media.counters.rejected == 0


def test_nothing_leaves_before_the_stream_is_secure() -> None:
    with two() as (alice, _):
        pass
    alice = Phone()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.settimeout(0.05)
        assert alice.socket.sendto(packet(1), wire.getsockname()) == 0
        with pytest.raises(TimeoutError):
            wire.recv(2048)
    alice.close()


def test_a_caller_that_nobody_expected_shows_where_he_is() -> None:
    alice, bob = Phone(), Phone()
    bob.call(None)
    alice.call(bob)
    alice.socket.secured(timeout=5.0)
    bob.socket.secured(timeout=5.0)
    assert bob.socket.remote == alice.socket.getsockname()
    alice.close()
    bob.close()


def test_a_refusal_by_the_network_is_told_and_the_call_goes_on() -> None:
    with two() as (alice, bob):
        bob.socket.send(packet(1))
        alice.wait_for(1)
        back = bob.socket.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            nowhere = gone.getsockname()
        alice.socket.set_remote(nowhere)
        for sequence in range(2, 5):  # the refusal of one is told when the next is sent, or to whoever receives
            alice.socket.send(packet(sequence))
        assert alice.wait_for_trouble() is Trouble.UNREACHABLE
        alice.socket.set_remote(back)
        alice.socket.send(packet(5))
        assert bob.wait_for(1) == [packet(5)]


def test_a_peer_that_moves_is_followed_once_its_packet_verified() -> None:
    with two() as (alice, bob):
        sealed = bob.socket.media.protect(packet(9))
        assert sealed is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved:
            moved.bind(("127.0.0.1", 0))
            moved.sendto(sealed[:-1] + bytes([sealed[-1] ^ 1]), alice.socket.getsockname())
            moved.sendto(sealed, alice.socket.getsockname())
            alice.wait_for(1)
            assert alice.socket.remote == moved.getsockname()
        alice.socket.set_remote(bob.socket.getsockname())
        alice.socket.send(packet(1))
        bob.wait_for(1)


def test_waiting_for_security_tells_why_not() -> None:
    phone = Phone(Config(key_agreements=(b"X255",), discovery_deadline=0.05))
    nobody = Phone()
    phone.call(nobody)
    with pytest.raises(NotSecured, match="does not answer"):
        phone.socket.secured(timeout=5.0)
    assert any(isinstance(event, NoPeer) for event in phone.events)
    phone.close()
    nobody.close()


def test_whoever_waits_after_a_new_start_waits_for_what_comes_of_it() -> None:
    phone, late = Phone(Config(key_agreements=(b"X255",), discovery_deadline=0.05)), Phone()
    phone.call(late)
    with pytest.raises(NotSecured, match="does not answer"):
        phone.socket.secured(timeout=5.0)
    late.call(None)
    phone.socket.start()
    assert phone.socket.secured(timeout=5.0)
    phone.close()
    late.close()


def test_waiting_for_security_does_not_last_longer_than_one_wants() -> None:
    phone, nobody = Phone(), Phone()
    phone.call(nobody)
    with pytest.raises(TimeoutError):
        phone.socket.secured(timeout=0.01)
    phone.close()
    nobody.close()


def test_closing_wakes_everybody_and_is_told() -> None:
    phone, nobody = Phone(), Phone()
    phone.call(nobody)
    outcome: list[str] = []

    def wait() -> None:
        try:
            phone.socket.secured()
        except NotSecured as error:
            outcome.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    phone.close()
    waiting.join(5.0)
    nobody.close()
    phone.close()
    assert outcome == ["The call is closed."]
    assert any(isinstance(event, Closed) for event in phone.events)


def test_a_handler_may_call_back() -> None:
    names: list[str] = []
    told = threading.Event()

    def matched(event: CallEvent) -> None:
        if isinstance(event, Secured):
            with alice.socket.locked() as session:
                session.sas_matched("Bob")
            names.append("matched")
            told.set()

    alice, bob = Phone(), Phone()
    alice.socket._on_event = matched
    bob.call(alice)
    alice.call(bob)
    bob.socket.secured(timeout=5.0)
    alice.socket.secured(timeout=5.0)
    assert told.wait(5.0), "the event may be under way still when `secured` returns"
    assert names == ["matched"]
    alice.close()
    bob.close()


@pytest.mark.parametrize("error", [ValueError("a slip"), SystemExit()], ids=["ValueError", "SystemExit"])
def test_what_a_handler_raises_is_told_as_pythons_threads_do_and_ends_neither_timers_nor_the_other_events(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    phone, late = Phone(Config(key_agreements=(b"X255",), discovery_deadline=0.05)), Phone()
    told: list[CallEvent] = []

    def clumsy(event: CallEvent) -> None:
        told.append(event)
        raise error

    phone.socket._on_event = clumsy
    phone.socket.start(late.socket.getsockname())
    with pytest.raises(NotSecured, match="does not answer"):
        phone.socket.secured(timeout=5.0)
    phone.socket._on_event = phone._told
    late.call(None)
    phone.call(late)
    phone.socket.secured(timeout=5.0)
    phone.close()
    late.close()
    assert [type(event) for event in told] == [NoPeer]
    assert [(args.exc_value, args.thread and args.thread.name) for args in reported] == [(error, "zrtp timers")]


def test_a_handler_that_raises_where_the_program_receives_costs_it_no_packet_and_no_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def clumsy(event: CallEvent) -> None:
        bob._told(event)
        raise ValueError(type(event).__name__)

    alice, bob = Phone(), Phone()
    bob.socket._on_event = clumsy
    bob.call(None)
    alice.call(bob)
    for phone in (alice, bob):
        phone.socket.secured(timeout=5.0)
    alice.socket.send(packet(1))
    assert bob.wait_for(1) == [packet(1)]
    alice.close()
    bob.close()
    assert [str(args.exc_value) for args in reported] == [type(event).__name__ for event in bob.events]
    assert {"SasReady", "Secured", "Closed"} <= {str(args.exc_value) for args in reported}


def test_the_end_of_the_session_is_the_end_for_whoever_waits() -> None:
    with two() as (alice, _):
        alice.socket.session.close(0.0)
        alice.socket.settle()
        with pytest.raises(NotSecured, match="The call is closed"):
            alice.socket.secured(timeout=1.0)


def test_once_secure_a_stranger_that_speaks_zrtp_is_not_answered() -> None:
    alice, bob = Phone(), Phone()
    bob.call(None)
    alice.call(bob)
    bob.socket.secured(timeout=5.0)
    alice.socket.secured(timeout=5.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        before = bob.socket.media.counters.zrtp_received
        stranger.sendto(b"\x10\0\0\1ZRTP" + bytes(20), bob.socket.getsockname())
        alice.socket.send(packet(1))
        bob.wait_for(1)
        assert bob.socket.media.counters.zrtp_received == before + 1
        assert bob.socket.remote == alice.socket.getsockname()
    alice.close()
    bob.close()


def test_the_answer_brings_the_hash_of_the_peers_hello() -> None:
    alice, bob = Phone(), Phone()
    alice.socket.expect_hello(bob.socket.hello_hash)
    bob.call(alice)
    alice.call(bob)
    alice.socket.secured(timeout=5.0)
    assert alice.socket.session.peer.bound_to_signalling
    alice.close()
    bob.close()


def test_statistics_of_a_socket() -> None:
    with two() as (alice, bob):
        for sequence in (1, 2, 5):
            alice.socket.send(packet(sequence))
        bob.wait_for(3)
        assert (bob.socket.statistics.received, bob.socket.statistics.lost) == (3, 2)


def test_the_ways_of_a_socket() -> None:
    with two() as (alice, bob):
        alice.socket.send(packet(1, b"x" * 100))
        bob.wait_for(1)
        assert bob.socket.fileno() > 0
    with SecureSocket(Endpoint(FAST), ssrc=5) as quiet:
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        quiet.bind(("127.0.0.1", 0))
        quiet.settimeout(0.01)
        with pytest.raises(TimeoutError):
            quiet.recv()
        quiet.setblocking(False)
        with pytest.raises(BlockingIOError):
            quiet.recvfrom(100)
        assert quiet.hello_hash.startswith("1.10 ")


def test_what_a_program_does_wrong_is_refused_with_a_sentence() -> None:
    config: Any = Config()
    with pytest.raises(ApiMisuse, match="made of an Endpoint, not of Config"):
        SecureSocket(config)
    phone = Phone()
    with pytest.raises(ApiMisuse, match="Nobody to send to"):
        phone.socket.send(packet(1))
    phone.close()
    with pytest.raises(ApiMisuse, match="make a new SecureSocket"):
        phone.socket.send(packet(1))
    with pytest.raises(ApiMisuse, match="make a new SecureSocket"):
        phone.socket.start(("127.0.0.1", 9))
    with two() as (alice, _):
        for wrong in (("phone.example", 5004), "192.0.2.20", ("192.0.2.20", 0)):
            with pytest.raises(ApiMisuse, match="is no address"):
                alice.socket.set_remote(wrong)
            with pytest.raises(ApiMisuse, match="is no address"):
                alice.socket.start(wrong)
            with pytest.raises(ApiMisuse, match="is no address"):
                alice.socket.sendto(packet(1), wrong)
        with pytest.raises(SrtpError, match="do not fit into one datagram"):
            alice.socket.send(packet(1, bytes(65_500)))
        alice.socket.send(packet(1, b"one"))
        with pytest.raises(SrtpError, match="already used"):
            alice.socket.send(packet(1, b"two"))


def test_a_forked_child_that_closes_its_copy_costs_its_parent_nothing() -> None:
    def leave() -> str:
        with alice.socket:
            pass
        alice.socket.close()
        return "closed"

    with two() as (alice, bob):
        with alice.socket.locked():  # a child may be forked off while another thread is in the call
            forking = threading.Thread(target=lambda: closed.append(in_child(leave)))
            closed: list[str] = []
            forking.start()
            forking.join(5.0)
        assert closed == ["closed"]
        alice.socket.send(packet(1))
        bob.socket.send(packet(2))
        assert (bob.wait_for(1), alice.wait_for(1)) == ([packet(1)], [packet(2)])


class Failing(MemoryCache):
    """Its first changes fail with something that is no CacheError."""

    waits = True

    def __init__(self, times: int, error: BaseException) -> None:
        super().__init__()
        self._times, self._error = times, error
        self.named = threading.Event()
        """A record with a name is stored."""

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        self._times -= 1
        if self._times >= 0:
            raise self._error
        stored = super().update(own_zid, peer_zid, change)
        if stored is not None and stored.name:
            self.named.set()
        return stored


def test_what_the_network_says_about_a_closed_socket_is_no_news() -> None:
    """The thread that receives may hear of it while another one closes the socket."""
    phone = Phone(endpoint=Endpoint(FAST, MemoryCache()))
    phone.close()
    phone.socket._note_refusal()
    assert not [event for event in phone.events if isinstance(event, MediaTrouble)]


def verified_call(cache: SecretCache) -> tuple[Phone, Phone]:
    """Alice, who has this cache, calls Bob and finds that the words match."""
    alice, bob = Phone(endpoint=Endpoint(FAST, cache)), Phone(endpoint=Endpoint(FAST, MemoryCache()))
    secure_and_compare(alice, bob)
    return alice, bob


def secure_and_compare(alice: Phone, bob: Phone) -> None:
    bob.call(alice)
    alice.call(bob)
    for phone in (alice, bob):
        phone.socket.secured(timeout=5.0)
    with alice.socket.locked() as session:
        session.sas_matched("Bob")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit()], ids=["OSError", "SystemExit"])
def test_whatever_class_of_exception_a_cache_raises_is_told_and_what_comes_later_is_stored(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITE_INTERVAL", 1e-6)
    cache = Failing(2, error)
    alice, bob = verified_call(cache)
    assert cache.named.wait(5.0)
    alice.close()
    bob.close()
    (entry,) = cache.peers()
    assert (entry.record.name, entry.record.verified) == ("Bob", True)
    (told,) = [event.text for event in alice.events if isinstance(event, SecurityWarning)]
    said = "it raised OSError (No space left on device)." if isinstance(error, OSError) else "gave no answer."
    assert told.endswith(f"{said} It is tried again.")


def test_what_is_lost_for_good_is_told_also_by_a_cache_that_raises_what_it_should_not() -> None:
    cache = Failing(1000, OSError(28, "No space left on device"))
    alice, bob = verified_call(cache)
    alice.close()
    bob.close()
    assert cache.peers() == []
    told = [event.text for event in alice.events if isinstance(event, SecurityWarning)]
    lost = "it raised OSError (No space left on device). What was to be remembered of this call is lost."
    assert [lost in text for text in told[-2:]] == [True, True], "the secret, and the verdict"


def test_the_zid_for_a_new_contact_is_looked_up_in_the_thread_of_the_store() -> None:
    endpoint = Endpoint(replace(FAST, zid_per_peer=True), MemoryCache())
    phones = [Phone(endpoint=endpoint, peer_label="bob") for _ in range(2)]
    zids = {call_of(phone.socket.session).zid for phone in phones}
    assert zids == {endpoint.zid_for("bob")} != {endpoint.zid}
    for phone in phones:
        phone.close()


@pytest.mark.long
def test_while_another_program_holds_the_file_media_flows_and_everything_is_stored_when_close_returns(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alice" / "peers.db"
    alice, bob = Phone(endpoint=Endpoint(FAST, SqliteCache(path))), Phone(endpoint=Endpoint(FAST, MemoryCache()))
    with locked(path) as release:
        secure_and_compare(alice, bob)
        for number in range(50):
            alice.socket.send(packet(number))
            bob.socket.send(packet(number, ssrc=2))
        assert len(alice.wait_for(50)) == len(bob.wait_for(50)) == 50
        closing = threading.Thread(target=alice.close)
        closing.start()
        alice.hung_up()
        assert SqliteCache(path).peers() == [], "the lock is real"
        release()
        closing.join(20.0)
        assert not closing.is_alive()
    bob.close()
    (entry,) = SqliteCache(path).peers()
    assert (entry.record.name, entry.record.verified) == ("Bob", True)
    assert not [event for event in alice.events if isinstance(event, SecurityWarning)]
