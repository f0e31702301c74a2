"""How a call begins that has no address to go to: a code, a pasted line, or a port at the router.

Each opens a stream for the conversation and tells what goes on; why it cannot becomes a CommandError.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from zrtp.cli.calls.notices import Reaching
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.reach import INSTALL, ReachSettings
from zrtp.cli.screen import finding
from zrtp.errors import ZrtpError
from zrtp.media.addresses import Address
from zrtp.media.aio import SecureStream, listen
from zrtp.media.aio.mailbox import Mailbox
from zrtp.media.aio.stream import Options
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.protocol.endpoint import Endpoint
from zrtp.reach.description import Description, Side
from zrtp.reach.mapping import mapped
from zrtp.reach.notice import RefusalReason
from zrtp.reach.steps import CodeFits, CodeMade, LineMade, LineRefused, MailboxBroken, MeetingStep, SomebodyThere

if TYPE_CHECKING:
    from zrtp.reach.path import IcePath

BACKLOG: Final = 64
"""Datagrams that wait for the stream; of more the oldest goes."""
LAST_WORDS: Final = 0.05
"""Seconds in which what the closed stream still had to send gets out."""


class PastedLines(Protocol):
    """Where lines are pasted."""

    async def line(self) -> str | None: ...


class RouterPort:
    """Waits at a port of this computer that the router was asked to pass on."""

    def __init__(self, bind: Address, router: str | None) -> None:
        self._bind = bind
        self._router = router
        self.advertised: Address | None = None
        """The router's address and port, once the stream is open."""

    @asynccontextmanager
    async def open(self, endpoint: Endpoint, options: Options) -> AsyncIterator[SecureStream]:
        """Raises CommandError if the router gives no port, OSError for the socket."""
        async with AsyncExitStack() as stack:
            stream = await stack.enter_async_context(listen(endpoint, self._bind, **options))
            try:
                mapping = await stack.enter_async_context(mapped(stream.local[1], self._router))
            except ZrtpError as error:
                raise CommandError.from_sentences(str(error), code=Exit.NO_WAY) from error
            self.advertised = mapping.host, mapping.port
            yield stream


class Meeting:
    """Finds the other side by a code or a line.

    `lines` is where a listener pastes the line that comes back; `patience` are the seconds that somebody with a code
    waits for whoever made it.
    """

    def __init__(
        self,
        settings: ReachSettings,
        show: Callable[[Reaching], None],
        lines: PastedLines | None = None,
        *,
        patience: float | None = None,
    ) -> None:
        self._settings = settings
        self._show = show
        self._lines = lines
        self._patience = patience
        self._path: IcePath | None = None
        calling = settings.code is not None or settings.theirs is not None
        self._side = Side.CALLER if calling else Side.LISTENER
        self.on_notice: Callable[[RefusalReason], None] | None = None
        """Is told why the other side does not go on."""
        self.on_lost: Callable[[], None] | None = None
        """Is told that the way is gone."""

    @property
    def calling(self) -> bool:
        """Whether this side has a code or a line already, and does not wait for anybody to come."""
        return self._side is Side.CALLER

    @property
    def by_code(self) -> bool:
        """Both sides knew a code; otherwise the lines are as trustworthy as the way that they came."""
        return not self._settings.line

    @property
    def pasting(self) -> bool:
        """Whether a line has to be pasted here."""
        return self._settings.line and self._settings.theirs is None

    @asynccontextmanager
    async def open(self, endpoint: Endpoint, options: Options) -> AsyncIterator[SecureStream]:
        """A started stream over the way that was found. Raises CommandError if there is none."""
        _check_extra()
        from zrtp.reach.path import IcePath

        mailbox = None if self._settings.line else self._settings.mailbox
        self._tell("servers", finding.asking(self._settings.servers, mailbox))
        addresses = None if self._settings.addresses is None else list(self._settings.addresses)
        async with IcePath(self._side, self._settings.servers, addresses=addresses) as self._path:
            stream = SecureStream(endpoint, **options)
            async with aclosing(stream):
                try:
                    await self._find(self._path, stream)
                except ZrtpError as error:
                    raise CommandError.from_sentences(str(error), code=Exit.NO_WAY) from error
                self._path.on_notice = self._notice
                self._path.ended.add_done_callback(lambda _: self._lose())
                stream.attach(_PathDatagrams(self._path))
                yield stream
                self.on_lost = None
            await asyncio.sleep(LAST_WORDS)

    def tell(self, reason: RefusalReason) -> None:
        """Tell the other side why this one does not go on."""
        if self._path is not None:
            self._path.tell(reason)

    async def _find(self, path: IcePath, stream: SecureStream) -> None:
        """A way to the other side, whose Hello the stream expects from now on. Raises ReachError."""
        announced = parse_zrtp_hash(stream.media.stream.hello_hash)
        assert announced is not None, "the engine's own hash is well-formed"  # noqa: S101
        theirs = await self._swap(path, announced.hash)
        stream.media.stream.expect_hello(theirs.hello_hash)
        self._tell("finding", finding.FINDING)
        begun = asyncio.get_running_loop().time()
        way = await path.connect(theirs, self._limit)
        self._tell("found", finding.found(str(way), round(1000 * (asyncio.get_running_loop().time() - begun))))

    async def _swap(self, path: IcePath, hello_hash: bytes) -> Description:
        from zrtp.reach.meeting import swap_by_code, swap_by_lines

        settings = self._settings
        if settings.line:
            ask = None if self._lines is None else self._lines.line
            return await swap_by_lines(path, hello_hash, self._step, ask=ask, theirs=settings.theirs)
        return await swap_by_code(
            path,
            hello_hash,
            settings.mailbox,
            self._step,
            code=settings.code,
            words=settings.words,
            patience=self._patience,
        )

    @property
    def _limit(self) -> float:
        from zrtp.reach.meeting import CODE_LIMIT, LINE_LIMIT, LINE_PATIENCE

        if not self._settings.line:
            return CODE_LIMIT
        return LINE_PATIENCE if self._side is Side.CALLER else LINE_LIMIT

    def _step(self, step: MeetingStep) -> None:
        match step:
            case CodeMade(code):
                self._tell("code", finding.TELL, give=f"zrtp call {code}")
                self._tell("waiting", finding.WAITING_FOR_CODE)
            case LineMade(line) if self._side is Side.LISTENER:
                self._tell("line", finding.SEND, give=f"zrtp call {line}")
                self._tell("waiting", finding.WAITING_FOR_LINE)
            case LineMade(line):
                self._tell("line", finding.SEND_BACK, give=line)
                self._tell("waiting", finding.WAITING_FOR_ANSWER)
            case SomebodyThere():
                self._tell("somebody", finding.THERE)
            case CodeFits():
                self._tell("fits", finding.FITS)
            case LineRefused(why):
                self._tell("refused", why)
            case MailboxBroken(why):
                self._tell("broken", finding.broken(why))

    def _tell(self, stage: str, text: str, give: str = "") -> None:
        self._show(Reaching(stage=stage, text=text, give=give))

    def _notice(self, reason: RefusalReason) -> None:
        if self.on_notice is not None:
            self.on_notice(reason)

    def _lose(self) -> None:
        if self.on_lost is not None:
            self.on_lost()


class _PathDatagrams:
    """A path as the stream wants it: bounded, and awaited."""

    def __init__(self, path: IcePath) -> None:
        self._path = path
        self._arrived: Mailbox[bytes] = Mailbox(BACKLOG)
        path.receiver = self._arrived.put
        path.ended.add_done_callback(lambda _: self._arrived.close())

    async def send(self, data: bytes) -> None:
        self._path.send(data)

    async def recv(self) -> bytes:
        datagram = await self._arrived.get()
        if datagram is None:
            raise ConnectionError(finding.PATH_LOST)
        return datagram


def _check_extra() -> None:
    """Raises CommandError unless the libraries are there that only codes and lines need."""
    try:
        import aioice  # noqa: F401
        import spake2  # noqa: F401
        import websockets  # noqa: F401
    except ModuleNotFoundError as error:
        raise CommandError(f"a code or a line needs the package {error.name}", INSTALL) from error
