"""UDP sockets for calls in an event loop: what asyncio's own datagram transport cannot do.

One socket talks to several addresses, hears from the network that a peer is unreachable, and answers from the address
that was asked even if it is bound to all of them. It takes what has arrived in one go instead of one datagram for each
turn of the loop, and drops what the system does not take at once: sound that waits is of no use.

Loops that cannot watch a socket (Windows' proactor) get asyncio's transport, without these.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any, Final, cast

from zrtp.media.unreachable import ask, is_refusal, take_notes

BATCH: Final = 32
"""Datagrams that are taken before others get their turn."""

_LARGEST: Final = 65_535
_LINUX: Final = sys.platform == "linux"
_IP_PKTINFO: Final = 8  # Python has no name for it
_ASKED: Final = 16  # peers whose local address is remembered


async def open_udp(
    protocol: asyncio.DatagramProtocol, local: Any, family: int, *, dual_stack: bool = False, listening: bool = False
) -> asyncio.DatagramTransport:
    """A socket bound to that address, or to any if there is none; it is not connected. Raises OSError.

    `listening` says that strangers call: if it is bound to all addresses, each is answered from the one that it asked.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        sock.bind(local or ("", 0))
        transport = UdpTransport(loop, sock, protocol, listening)
        try:
            loop.add_reader(sock, transport.read)
        except NotImplementedError:
            made, _ = await loop.create_datagram_endpoint(lambda: protocol, sock=sock)
            return made
    except BaseException:
        sock.close()
        raise
    protocol.connection_made(transport)
    return transport


class UdpTransport(asyncio.DatagramTransport):
    """One bound socket that is not connected. `sendto` wants an address."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: asyncio.DatagramProtocol,
        listening: bool,
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self.dropped = 0
        """Datagrams that the system did not take at once."""
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._closing = False
        self._asked: dict[Any, list[tuple[int, int, bytes]]] | None = None
        ask(sock)
        if _LINUX and listening and sock.getsockname()[0] in ("0.0.0.0", "::"):  # noqa: S104
            self._ask_which_address()

    def read(self) -> None:
        """Take what has arrived."""
        received = self._protocol.datagram_received
        for _ in range(BATCH):
            try:
                if self._asked is None:
                    data, address = self._sock.recvfrom(_LARGEST)
                else:
                    data, address = self._receive_with_local()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._note_refusal(error)
                return
            received(data, address)
            if self._closing:
                return

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send now or never."""
        if self._closing:
            return
        for _ in range(2):  # an error may be that of an earlier datagram: this one has not been sent then
            try:
                if self._asked and (local := self._asked.get(addr)):
                    self._sock.sendmsg([data], local, 0, addr)
                else:
                    self._sock.sendto(data, addr)
                return
            except (BlockingIOError, InterruptedError):
                self.dropped += 1
                return
            except OSError as error:
                self._note_refusal(error)
                if not is_refusal(error) or self._closing:
                    return

    def close(self) -> None:
        """Close the socket. May be called again."""
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """As `close`: nothing waits to be sent."""
        self.close()

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Nothing waits to be sent."""
        return 0

    def _note_refusal(self, error: OSError) -> None:
        """An error of this datagram, or of an earlier one that the network sent back."""
        take_notes(self._sock)
        self._protocol.error_received(error)

    def _ask_which_address(self) -> None:
        with contextlib.suppress(OSError):
            if self._sock.family == socket.AF_INET6:
                self._sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self._asked = {}

    def _receive_with_local(self) -> tuple[bytes, Any]:
        """A datagram, and a note from which of our addresses its sender wants to be answered."""
        data, ancillary, _, address = self._sock.recvmsg(_LARGEST, 128)
        asked = cast("dict[Any, list[tuple[int, int, bytes]]]", self._asked)
        for level, kind, value in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                local = (level, kind, struct.pack("=I4s4x", 0, value[4:8]))  # struct in_pktinfo
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                local = (level, kind, value)
            else:
                continue
            if address not in asked and len(asked) >= _ASKED:
                del asked[next(iter(asked))]
            asked[address] = [local]
        return data, address
