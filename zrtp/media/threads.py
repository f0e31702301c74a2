"""A UDP socket for blocking code whose packets are SRTP on the wire, with keys by ZRTP.

::

    sock = SecureSocket(endpoint, ssrc=0x1234)
    sock.bind(("0.0.0.0", 5004))
    sock.start(("192.0.2.20", 5004))      # looks for the peer
    sock.secured(timeout=10)
    sock.send(rtp_packet)                 # plain RTP or RTCP in,
    packet = sock.recv()                  # plain RTP or RTCP out

It takes the place of a socket in programs that have one thread to send and one to receive. A thread of its own keeps
the timers, and another one asks the store of retained secrets, which may have to wait for a disk. One lock guards the
call, so that more threads wait for each other and never spoil a packet. Whoever only waits for packets holds no lock.
What the calls of an Endpoint share has a lock of its own. It is taken last, for the engine alone: whatever a socket, a
store or the program does, no other call waits for it.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack
from weakref import WeakKeyDictionary

from zrtp.cache.interface import SecretCache, waits
from zrtp.door import need_flag, need_function, need_number, need_options, need_whole, refuse
from zrtp.errors import ApiMisuse
from zrtp.media import unreachable
from zrtp.media.addresses import Address, check_address, check_place, shown
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.errors import NotSecured
from zrtp.media.events import CallEvent
from zrtp.media.secure import SILENCE, SecureCall, as_octets, check_size
from zrtp.media.standing import StreamStanding
from zrtp.media.statistics import Reception, Statistics
from zrtp.protocol.endpoint import Endpoint, waits_for_zid
from zrtp.protocol.events import Closed, Secured
from zrtp.protocol.session import Session
from zrtp.protocol.store import Request
from zrtp.system import Mutex, process_generation, system_random

LARGEST: Final = 65_535

_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Not epoll: that does not notice when another thread closes the socket."""

_ENGINES: Final[WeakKeyDictionary[Endpoint, Mutex]] = WeakKeyDictionary()
"""Held by whoever enters the engine: one stream may move another one of the same Endpoint."""


class SocketOptions(TypedDict, total=False):
    """What a secure socket is made with."""

    aux_secret: bytes | None
    """A secret that both sides know by other means (RFC 6189 section 4.3)."""
    peer_label: str
    """Chooses among several ZIDs of this installation. With a new one the constructor waits for the store, and may
    raise CacheError, unless `Endpoint.zid_for` was asked before."""
    peer_hello_hash: bytes | None
    """The a=zrtp-hash that signalling brought, 32 octets (RFC 6189 section 8)."""
    best_effort: bool
    """Let plain RTP pass as long as no key agreement has begun."""
    signalling_protected: bool
    """Whether the signalling of this call is protected end to end, if that differs from the Config."""
    expect: str | bytes | None
    """Whom you expect, by name or by ZID: a warning tells if another one comes."""
    silence: float | None
    """Seconds without a good packet after which the peer seems gone, which is told; None never tells."""
    clock_rate: int
    """Of the peer's RTP timestamps, in ticks a second; 8,000 unless given."""


class SecureSocket:
    """Looks like a UDP socket: `bind`, `sendto`, `send`, `recv`, `recvfrom`, `settimeout`, `getsockname`, `close`.

    `on_event` is called with every event, in whichever thread it comes up, without a lock: it may call methods here.
    Those of `session` belong into a `locked` block, there and in every other thread. What it raises goes to
    `threading.excepthook`, and the call goes on.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        ssrc: int | None = None,
        on_event: Callable[[CallEvent], None] | None = None,
        *,
        family: int = socket.AF_INET,
        **options: Unpack[SocketOptions],
    ) -> None:
        if not isinstance(endpoint, Endpoint):
            raise ApiMisuse(f"A SecureSocket is made of an Endpoint, not of {type(endpoint).__name__}.")
        need_options("A SecureSocket", options, SocketOptions.__annotations__)
        if on_event is not None:
            need_function("on_event", on_event, "a function that takes an event")
        if family not in (socket.AF_INET, socket.AF_INET6):
            refuse("family", "socket.AF_INET or socket.AF_INET6", family)
        clock_rate = need_whole("clock_rate", options.get("clock_rate", 8000), 1)
        number = int.from_bytes(system_random(4), "big") if ssrc is None else ssrc
        label = options.get("peer_label", "")
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="zrtp store")
        if waits_for_zid(endpoint, label):
            self._storing.submit(endpoint.zid_for, label).result()
        self._engine = _ENGINES.setdefault(endpoint, Mutex())
        with self._engine:
            self.session = endpoint.session(
                peer_label=label,
                aux_secret=options.get("aux_secret"),
                signalling_protected=options.get("signalling_protected"),
                expect=options.get("expect"),
                store="deferred",
            )
            self.call = SecureCall(
                self.session, best_effort=options.get("best_effort", False), silence=options.get("silence", SILENCE)
            )
            self.media = self.call.add_stream(number, peer_hello_hash=options.get("peer_hello_hash"))
        self._cache = endpoint.cache
        self._requests = 0  # that the store has not carried out yet
        self._on_event = on_event
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        unreachable.ask(self._socket)
        self._remote: Any = None
        self._checked: Any = None  # the address that `sendto` was given last: another one is looked at, once
        self._learning = False  # nobody said where the peer is: whoever speaks ZRTP is answered
        self._reception = Reception(clock_rate)
        self._received: deque[tuple[bytes, Any]] = deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # for the timer thread and for whoever waits for `secured`
        self._standing = StreamStanding(self.media.stream)
        self._keeper: threading.Thread | None = None
        self._generation = process_generation()
        self._closed = False

    # As a socket.

    def bind(self, address: Any) -> None:
        """Bind to a local address. Raises OSError."""
        check_place("The local address", address)
        self._socket.bind(address)

    def getsockname(self) -> Any:
        """Where the socket is bound."""
        return self._socket.getsockname()

    def fileno(self) -> int:
        """For select and poll: readable when something has arrived, be it for the program or for the key agreement."""
        return self._socket.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """How long `recv` waits before it raises TimeoutError; None is for ever, 0 not at all (BlockingIOError)."""
        if seconds is not None and need_number("The timeout", seconds) < 0:
            raise ApiMisuse("The timeout is a number of seconds, at least 0, or None.")
        self._socket.settimeout(seconds)

    def setblocking(self, blocking: bool) -> None:
        """As `settimeout` with None or 0."""
        self._socket.setblocking(need_flag("blocking", blocking))

    def setsockopt(self, *option: Any) -> None:
        """An option of the socket, for example the size of its buffers."""
        try:
            self._socket.setsockopt(*option)
        except TypeError as error:
            raise ApiMisuse("An option is given as to a socket: level, option and value.") from error

    def sendto(self, packet: bytes, *to: Any) -> int:
        """Protect and send an RTP or RTCP packet to the peer; the octets of it, or 0 if the gate for media is shut.

        The address that comes last, as with a socket, counts until the peer's own packets show where it is. Raises
        SrtpError if the packet cannot be protected or is too large, and ApiMisuse after `close`, without an address, or
        for what is none in numbers.
        """
        if type(packet) is not bytes:
            packet = as_octets(packet)
        check_size(packet)
        if to and to[-1] != self._checked:
            check_address(to[-1])
            self._checked = to[-1]
        with self._lock:
            self._open()
            if self._remote is None and to:
                self._remote = to[-1]
            if self._remote is None:
                raise ApiMisuse("Nobody to send to yet: give start() the peer's address.")
            media = self.media
            sealed = media.protect_rtcp(packet) if classify(packet) is DatagramKind.RTCP else media.protect(packet)
            if sealed is None:
                return 0
            self._transmit(sealed)
        if self.call.has_news:
            self.settle()
        return len(packet)

    def send(self, packet: bytes) -> int:
        """As `sendto` the peer."""
        return self.sendto(packet)

    def recv(self, size: int = LARGEST) -> bytes:
        """The next RTP or RTCP packet of the peer, plain. Raises TimeoutError, and OSError after `close`."""
        return self.recvfrom(size)[0]

    def recvfrom(self, size: int = LARGEST) -> tuple[bytes, Any]:
        """As `recv`, with the address that the packet came from. A longer packet is cut to `size`, as sockets do."""
        if type(size) is not int or size < 0:
            need_whole("size", size, 0)
        timeout = self._socket.gettimeout()
        deadline = time.monotonic() + timeout if timeout else None
        while (packet := self._next_packet()) is None:
            try:
                data, address = self._socket.recvfrom(LARGEST)
            except OSError as error:
                if not unreachable.is_refusal(error):
                    raise
                self._note_refusal()
            else:
                if not data and self._closed:
                    raise OSError("The socket is closed.")
                self._take(data, address)
            if deadline is not None and not self._received:  # it was no packet for the program
                self._wait_until(deadline)
        return packet[0][:size], packet[1]

    def close(self) -> None:
        """End the call, wipe its keys, close the socket; whoever waits in `recv` or `secured` learns of it.

        May be called again. A forked child only lets go of the socket: the call is its parent's.
        """
        if self._generation != process_generation():
            self._socket.close()
            return
        with self._lock:
            if self._closed:
                return
            with self._engine:
                self.call.close(time.monotonic())
            events = self._settle()
            self._closed = True
            self._changed.notify_all()
        self._tell(events)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in recv, connected or not
        self._socket.close()
        if self._keeper is not None and self._keeper is not threading.current_thread():
            self._keeper.join()
        # What the call leaves behind is stored when this returns, unless this is the thread that stores it.
        if not threading.current_thread().name.startswith("zrtp store"):
            with self._changed:
                self._changed.wait_for(lambda: self._requests == 0)
            self._storing.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # As a secure call.

    @property
    def hello_hash(self) -> str:
        """The value of our a=zrtp-hash, for the offer or the answer."""
        return self.media.stream.hello_hash

    @property
    def remote(self) -> Address | None:
        """Where the peer is, as far as is known."""
        return None if self._remote is None else shown(self._remote)

    @property
    def statistics(self) -> Statistics:
        """How the packets of the source heard last arrive; what was refused, and why, is in `media.counters`."""
        with self._lock:
            return self._reception.so_far

    def start(self, remote: Any = None) -> None:
        """Look for the peer at that address, or look again. Without an address a caller is waited for, who shows where
        he is. Raises ApiMisuse after `close`, and for what is no address in numbers."""
        with self._lock:
            self._open()
            if remote is not None:
                check_address(remote)
                self._remote = remote
            self._learning = self._remote is None
            with self._engine:
                self.media.start(time.monotonic())
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep_time, name="zrtp timers", daemon=True)
                self._keeper.start()
        self.settle()

    def set_remote(self, remote: Any) -> None:
        """Where the peer is, as after a re-INVITE. Raises ApiMisuse for what is no address in numbers."""
        check_address(remote)
        with self._lock:
            self._remote = remote

    def expect_hello(self, zrtp_hash: object) -> None:
        """The peer's a=zrtp-hash, as soon as the answer brings it; see `Stream.expect_hello`. Raises ApiMisuse."""
        with self._lock, self._engine:
            self.media.stream.expect_hello(zrtp_hash)
        self.settle()

    def secured(self, timeout: float | None = None) -> Secured:
        """Wait until the stream is secure, while another thread is in `recv`. Raises NotSecured if it is not going to
        be, and TimeoutError. It tells the present: after a failure it may be called again."""
        if timeout is not None:
            need_number("timeout", timeout)
        with self._changed:
            standing = self._standing
            if not self._changed.wait_for(lambda: standing.secured or standing.why_not is not None, timeout):
                raise TimeoutError("The stream has not become secure in time.")
            if standing.secured is None:
                raise NotSecured(standing.why_not or "")
            return standing.secured

    @contextmanager
    def locked(self) -> Iterator[Session]:
        """The session, for methods of it, while no other thread is in this call; then `settle`.

        ::

            with sock.locked() as session:
                session.sas_matched("Bob")
        """
        with self._lock, self._engine:
            yield self.session
        self.settle()

    def settle(self) -> None:
        """Send what is due and pass on events. Call it after methods of `session`, unless `locked` does so."""
        with self._lock:
            events = self._settle()
        self._tell(events)

    # Inside.

    def _next_packet(self) -> tuple[bytes, Any] | None:
        with self._lock:
            return self._received.popleft() if self._received else None

    def _wait_until(self, deadline: float) -> None:
        """Until something has arrived. Raises TimeoutError, and OSError after `close`."""
        with _Selector() as selector:
            try:
                selector.register(self._socket, selectors.EVENT_READ)
            except ValueError as error:
                raise OSError("The socket is closed.") from error
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                raise TimeoutError("timed out")

    def _take(self, data: bytes, address: Any) -> None:
        with self._lock:
            if self._closed:
                raise OSError("The socket is closed.")
            now = time.monotonic()
            before = self.media.counters.verified
            with self._engine:
                packets = self.media.datagram_received(data, now)
            for packet in packets:
                self._reception.packet(packet, now)
                self._received.append((packet, address))
            self._received.extend((compound, address) for compound in self.media.take_rtcp())
            if self.media.counters.verified > before or (self._learning and classify(data) is DatagramKind.ZRTP):
                self._remote = address
            events = self._settle() if self.call.has_news else []
        self._tell(events)

    def _settle(self) -> list[CallEvent]:
        """Under the lock: send what is due; returns the events to pass on without it."""
        events: list[CallEvent] = []
        while True:
            with self._engine:
                while (event := self.call.next_event()) is not None:
                    events.append(event)
                    self._note(event)
            if not self._serve_store():
                break
        with self._engine:
            due = self.media.datagrams_to_send()
        for datagram in due:
            if self._remote is not None and not self._closed:
                with suppress(OSError):  # it is sent again by its timer
                    self._transmit(datagram)
        self._changed.notify_all()
        return events

    def _serve_store(self) -> bool:
        """Under the lock: have the requests to the cache carried out, in another thread if it may have to wait; whether
        one is done."""
        cache, done = self._cache, False
        while cache is not None and (request := self._next_request()) is not None:
            if waits(cache):
                self._requests += 1
                self._storing.submit(self._store, request, cache)
            else:
                request.run(cache)
                self._give_back(request)
                done = True
        return done

    def _next_request(self) -> Request | None:
        with self._engine:
            return self.session.store_to_do()

    def _give_back(self, request: Request) -> None:
        with self._engine:
            self.session.store_done(request, time.monotonic())

    def _store(self, request: Request, cache: SecretCache) -> None:
        """In the store's thread: carry out a request, and whatever follows from it, before it counts as done."""
        events: list[CallEvent] = []
        try:
            with suppress(BaseException):  # even SystemExit would end this request alone, and nobody would hear of it
                request.run(cache)
            with self._lock:
                self._give_back(request)
                events = self._settle()
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()
        self._tell(events)

    def _transmit(self, datagram: bytes) -> None:
        """Under the lock. An error may be that of an earlier datagram: this one has not been sent then."""
        for _ in range(2):
            try:
                self._socket.sendto(datagram, self._remote)
            except OSError as error:
                if not unreachable.is_refusal(error):
                    raise
                unreachable.take_notes(self._socket)
                self.media.refused_by_network()
            else:
                return

    def _note_refusal(self) -> None:
        """Whoever receives learns that an earlier datagram did not arrive."""
        with self._lock:
            if self._closed:
                return
            unreachable.take_notes(self._socket)
            self.media.refused_by_network()
        if self.call.has_news:
            self.settle()

    def _note(self, event: CallEvent) -> None:
        self._standing.follow(event)
        if isinstance(event, Secured):
            self._learning = False
        elif isinstance(event, Closed):
            self._standing.end("The call is closed.")  # which has one stream

    def _tell(self, events: list[CallEvent]) -> None:
        """What the program raises ends neither a thread nor the call, and it hears of the other events."""
        if self._on_event is not None:
            for event in events:
                try:
                    self._on_event(event)
                except BaseException as error:
                    if not isinstance(error, Exception) and not _is_ours(threading.current_thread()):
                        raise  # the program may end its own threads
                    _report(error)

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                with self._engine:
                    due = self.call.next_timer()
                now = time.monotonic()
                if due is None or due > now:
                    self._changed.wait(None if due is None else due - now)
                    continue
                with self._engine:
                    self.call.handle_timer(now)
                events = self._settle()
            self._tell(events)

    def _open(self) -> None:
        if self._closed:
            raise ApiMisuse("The call is closed: make a new SecureSocket.")


def _is_ours(thread: threading.Thread) -> bool:
    """Whether it keeps the timers, or asks the store."""
    return thread.name.startswith("zrtp ")


def _report(error: BaseException) -> None:
    """As Python tells of an exception that nobody in a thread handles."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )
