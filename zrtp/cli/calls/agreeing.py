"""Agreeing on keys that are for another program: no sound, and not one packet of SRTP under them from here."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from zrtp.cache.record import clean_name
from zrtp.cli.calls import loops, opening
from zrtp.cli.calls.bulletin import Audience
from zrtp.cli.calls.calling import cache_for, open_endpoint, open_sound
from zrtp.cli.calls.ending import SAS_DIFFERS
from zrtp.cli.calls.handing_over import Agreement
from zrtp.cli.calls.impairment import BadNetwork, Impairment
from zrtp.cli.calls.names import explained
from zrtp.cli.calls.notices import Agreed, Calling, Ended, Listening, Mismatched, News, Waiting
from zrtp.cli.calls.signals import interruptible
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import CommandError, Exit, as_line
from zrtp.cli.options.addresses import everywhere
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.network import WAIT
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import finding, logs, wording
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.jsonlines import JsonLines, text
from zrtp.cli.screen.keyboard import keyboard
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.media import rtcp
from zrtp.media.addresses import Address, local_towards, resolve
from zrtp.media.aio.call import AsyncCall
from zrtp.media.aio.layer import MediaLayer
from zrtp.media.aio.paths import Unsteady
from zrtp.media.aio.udp import open_udp
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.errors import NotSecured
from zrtp.media.events import PeerLeft
from zrtp.media.rtp import MalformedRtp, Packetizer, RtpPacket
from zrtp.media.sound.errors import AudioError
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import KeysReady, NoPeer, Secured, SecurityWarning, SrtpKeys, WarningCode
from zrtp.protocol.states import State

T = TypeVar("T")

LINGER: Final = 1.2
"""Seconds for which the other side's last message is still answered, in case our answer got lost (T2, section 6)."""

FURTHER: Final = 5.0
"""Seconds for the key agreement of the further stream, which takes four messages."""

OTHER_TALKS: Final = (
    "the other side talks over this connection, so these keys are for the ports two above; "
    "with --talk here too you would hear each other"
)

NOT_CONFIRMED_YET: Final = (
    "the other person has not confirmed yet: if they say that what they see differs, do not use these keys"
)

ATTEMPTS: Final = 20
"""Ports that are tried for one with a free neighbour."""

BACKLOG: Final = 250
"""Packets of voice that wait to be played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeSettings:
    """What the command line says."""

    remote: Address | None
    """None: wait for the other side."""
    talk: bool
    """The people talk over a first stream, and the keys of a further one are handed over."""
    options: str
    """What the command at the other computer needs behind the address, so that the two fit each other."""
    call: CallSettings


async def agree(settings: AgreeSettings, terminal: Terminal, audience: list[Audience]) -> Agreement:
    """Agree, have the words compared, and give the port back. Raises CommandError."""
    call = settings.call
    endpoint = open_endpoint(call.config, await cache_for(call, settings.remote, audience), call.cache)
    interrupted = asyncio.get_running_loop().create_future()
    with interruptible(lambda: None if interrupted.done() else interrupted.set_result(None)):
        agreeing = asyncio.ensure_future(_Agreeing(endpoint, settings, terminal, audience).run())
        await asyncio.wait({agreeing, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if agreeing.done():
            return agreeing.result()
        agreeing.cancel()
        await asyncio.gather(agreeing, return_exceptions=True)
        raise CommandError("interrupted", code=Exit.INTERRUPTED)


class _Agreeing:
    def __init__(
        self, endpoint: Endpoint, settings: AgreeSettings, terminal: Terminal, audience: list[Audience]
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._call = settings.call
        self._terminal = terminal
        self._audience = audience
        self._keys: dict[int, tuple[SrtpKeys, SrtpKeys]] = {}
        self._doubts: set[WarningCode] = set()
        self._nobody = self._announced = False
        self._others_alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> Agreement:
        """Until it is done or the time is up; whoever calls goes on looking as long as nobody answers."""
        wait = self._call.wait if self._call.wait is not None or self._settings.remote is None else WAIT
        try:
            async with asyncio.timeout(wait) as patience:
                while True:
                    agreement = await self._attempt(patience)
                    if agreement is not None:
                        return agreement
        except TimeoutError as error:
            self._explain_doubts(error)
            assert wait is not None, "time is up"  # noqa: S101
            raise CommandError(
                f"nobody agreed on keys within {wording.seconds(wait)}",
                f"on the other computer run: zrtp agree {self._seen_from_there()} {self._settings.options}",
                code=Exit.NO_PEER,
            ) from error

    def _explain_doubts(self, error: Exception) -> None:
        """Raises CommandError if nothing came of it since a Hello is not the one that it should be."""
        if WarningCode.EQUAL_ZIDS in self._doubts:
            raise CommandError(*finding.TWINS, code=Exit.NOT_AGREED) from error
        if WarningCode.HELLO_HASH_MISMATCH in self._doubts:
            raise CommandError(wording.HASH_MISMATCH, wording.HASH_MISMATCH_HINT, code=Exit.NOT_AGREED) from error

    def _seen_from_there(self) -> str:
        """What the other computer is to be told of where the two meet."""
        if self._settings.remote is not None:
            host, port = self._settings.remote
            return f"--listen {text((everywhere(host), port))}"
        assert self._call.bind is not None, "whoever listens knows where"  # noqa: S101
        return text((opening.own_host(self._call.bind[0]), self._call.bind[1]))

    async def _attempt(self, patience: asyncio.Timeout) -> Agreement | None:
        """None: nobody answers. `patience` ends when somebody does."""
        self._nobody = False
        call = AsyncCall(self._endpoint, aux_secret=self._call.aux, expect=self._call.name)
        lines: list[AgreedStream] = []
        following = asyncio.ensure_future(self._follow(call))
        try:
            line = await self._open(call, self._call.bind, self._settings.remote)
            lines.append(line)
            self._announce(line)
            secured = await line.layer.secured()
            patience.reschedule(None)
            if self._settings.talk:
                lines.append(await self._further(call, line))
            else:
                lines += await self._room_for_further(call, line)
            return await self._finish(call, lines, secured)
        except NotSecured as error:
            self._explain_doubts(error)
            if not self._nobody:
                raise CommandError.from_sentences(str(error), code=Exit.NOT_AGREED) from error
            return None
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await call.aclose()
            for line in lines:
                line.transport.close()

    async def _open(self, call: AsyncCall, bind: Address | None, remote: Address | None) -> AgreedStream:
        """Raises CommandError if the port cannot be opened."""
        try:
            with explained(lambda words: self._show(Waiting(text=words)), bind, remote):
                return await AgreedStream.open(call, bind, remote, self._call)
        except OSError as error:
            example = "--bind {}" if self._settings.remote is not None else "zrtp agree --listen {}"
            raise opening.cannot_open(error, bind, remote, example=example) from error

    async def _further(self, call: AsyncCall, line: AgreedStream) -> AgreedStream:
        """The stream whose keys are handed over, if the first one is for talking: on the ports two above."""
        remote_host, remote_port = line.remote
        further = await self._open(call, _two_above(line.local), (remote_host, remote_port + 2))
        try:
            await _wait_until_secured(further)
        except CommandError:
            further.transport.close()
            raise
        return further

    async def _room_for_further(self, call: AsyncCall, line: AgreedStream) -> list[AgreedStream]:
        """Where the other side may begin a further stream, if that one talks; nothing if the port is in use."""
        try:
            return [await AgreedStream.open(call, _two_above(line.local), None, self._call)]
        except OSError:
            return []

    def _announce(self, line: AgreedStream) -> None:
        if self._announced:
            return
        self._announced = True
        hello_hash, zid = line.layer.hello_hash, self._endpoint.zid
        if self._settings.remote is not None:
            self._show(Calling(remote=self._settings.remote, bind=line.local, zid=zid, hello_hash=hello_hash))
            return
        advertised = opening.own_host(line.local[0]), line.local[1]
        caveat = opening.who_reaches(advertised)
        told = Listening(
            bind=line.local,
            advertised=advertised,
            zid=zid,
            hello_hash=hello_hash,
            caveat=caveat,
            verb="agree",
            options=self._settings.options,
        )
        self._show(told)

    async def _follow(self, call: AsyncCall) -> None:
        first: int | None = None
        async for event in call:
            first = event.ssrc if first is None else first
            if isinstance(event, KeysReady):  # wiped when the call is closed, so these are ours
                self._keys[event.ssrc] = _copy(event.send), _copy(event.receive)
            elif event.ssrc != first:
                continue  # of the further stream there is nothing to tell
            elif isinstance(event, Secured):
                self._show(self._agreed(call, event))
            elif isinstance(event, NoPeer) and self._settings.remote is None:
                self._show(Waiting(text="that was no ZRTP call, still waiting"))
            elif isinstance(event, NoPeer):
                self._nobody = True
            elif isinstance(event, PeerLeft):
                self._hear_farewell(call)
            elif isinstance(event, SecurityWarning):
                self._doubt(event)
            else:
                self._show(event)

    def _doubt(self, warning: SecurityWarning) -> None:
        """That both ends have one ZID is told once: each Hello says so again."""
        if warning.code is not WarningCode.EQUAL_ZIDS or warning.code not in self._doubts:
            self._show(warning)
        self._doubts.add(warning.code)

    def _hear_farewell(self, call: AsyncCall) -> None:
        """The other side left the stream for talking, and may say that the words differ."""
        reasons = map(rtcp.reason, call.layers[0].media.take_rtcp())
        if SAS_DIFFERS in reasons and not self._others_alarm.done():
            self._others_alarm.set_result(None)

    def _agreed(self, call: AsyncCall, secured: Secured) -> Agreed:
        counters, expected = call.layers[0].media.counters, clean_name(self._call.name or "")
        return Agreed(
            secured=secured,
            packets=counters.zrtp_packets,
            octets=counters.zrtp_octets,
            assurance=call.session.assurance,
            new_device_of=expected if WarningCode.NEW_DEVICE in self._doubts else "",
            stranger_to=expected if WarningCode.DIFFERENT_NAME in self._doubts else "",
            differed=WarningCode.SAS_MISMATCH in self._doubts,
        )

    async def _finish(self, call: AsyncCall, lines: list[AgreedStream], secured: Secured) -> Agreement:
        """The verdict; meanwhile, and a little longer, the other side's last message is answered if it comes again."""
        lingering = asyncio.ensure_future(asyncio.sleep(LINGER))
        sound = open_sound(self._call) if self._settings.talk else None
        talking = [asyncio.ensure_future(way(lines[0])) for way in (sound.talk, sound.hear)] if sound else []
        try:
            verdict = await self._unless_they_differ(self._judge(call, lines, secured))
            await self._unless_they_differ(asyncio.wait([lingering]))
        finally:
            for task in (lingering, *talking):
                task.cancel()
            await asyncio.gather(lingering, *talking, return_exceptions=True)
            if sound is not None:
                self._close(sound)
        line = await self._handed_over(lines)
        ssrc, sas = line.media.stream.ssrc, call.session.sas
        send, receive = self._keys[ssrc]
        return Agreement(
            send=send,
            receive=receive,
            local=line.local,
            remote=line.remote,
            ssrc=ssrc,
            sas=sas.rendered if sas is not None else "",
            verified=call.session.peer.verified,
            verdict=verdict,
        )

    def _close(self, sound: Sound) -> None:
        """A recording that failed is no reason to hand over nothing."""
        try:
            sound.close()
        except AudioError as error:
            self._terminal.note(f"warning: {as_line(str(error))}", "yellow")

    async def _unless_they_differ(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of the work. Raises CommandError if the other side says meanwhile that the words differ."""
        working = asyncio.ensure_future(work)
        try:
            waiting: set[asyncio.Future[Any]] = {working, self._others_alarm}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not self._others_alarm.done():
                return working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        self._show(Mismatched(text=wording.OTHERS_ALARM))
        raise CommandError(wording.OTHERS_MISMATCH, wording.ALARM_HINT, code=Exit.SAS_MISMATCH)

    async def _handed_over(self, lines: list[AgreedStream]) -> AgreedStream:
        """The stream whose keys are handed over: the further one, if one of the sides talks over the first."""
        begun = _begun(lines)
        if not begun:
            return lines[0]
        await _wait_until_secured(begun[0])
        if not self._settings.talk:
            self._terminal.note(OTHER_TALKS)
        return begun[0]

    async def _judge(self, call: AsyncCall, lines: list[AgreedStream], secured: Secured) -> Verdict | None:
        session, sas = call.session, call.session.sas
        verdict, name = self._call.verdict, self._call.name
        if sas is None or (secured.verified and verdict is None):
            return None
        if verdict is None:
            with keyboard(sys.stdin) as keys:
                dialogue = Dialogue(self._terminal, keys)
                verdict = await dialogue.verdict(sas)
                if verdict is Verdict.MATCH and self._endpoint.cache is not None:
                    name = await dialogue.name(name or session.peer.name or "")
        if verdict is Verdict.MATCH:
            session.sas_matched(name)
            self._terminal.note(f"secure with {wording.name(session.peer.name)} - verified")
        elif verdict is Verdict.MISMATCH:
            session.sas_mismatched()
            call.settle()
            if _begun(lines):  # otherwise these keys are handed over at the other side, and nothing is sent under them
                lines[0].say_that_they_differ()
            self._show(Mismatched(text=wording.alarm(sas)))
            raise CommandError(wording.alarm_exit(sas), wording.ALARM_HINT, code=Exit.SAS_MISMATCH)
        elif self._settings.talk:
            await asyncio.sleep(self._call.seconds or 0.0)
        call.settle()
        return verdict

    def _show(self, news: News) -> None:
        for listener in self._audience:
            listener.show(news)


class AgreedStream(asyncio.DatagramProtocol):
    """One stream of the call on a port of its own. As long as nobody calls `send`, only ZRTP leaves."""

    def __init__(self, layer: MediaLayer) -> None:
        self.layer = layer
        self.media = layer.media
        self.transport: asyncio.BaseTransport
        self.local: Address = ("", 0)
        self._packetizer = Packetizer(layer.media.stream.ssrc)
        self._packets: asyncio.Queue[RtpPacket] = asyncio.Queue(BACKLOG)

    @classmethod
    async def open(
        cls, call: AsyncCall, local: Address | None, remote: Address | None, settings: CallSettings
    ) -> AgreedStream:
        """Open the port and look for the other side, or wait for it. Raises OSError."""
        family, local, remote = await resolve(local, remote)
        first = not call.layers
        line = cls(
            call.add_layer(settings.ssrc if first else None, peer_hello_hash=settings.peer_hash if first else None)
        )
        protocol = line.layer.wrap(line)
        if settings.impair != Impairment():
            protocol = Unsteady(protocol, BadNetwork(settings.impair))
        bound = local if local is not None and local[1] else _with_room_above(local[0] if local else "", family)
        line.transport = await open_udp(protocol, bound, family, listening=remote is None)
        port = line.transport.get_extra_info("sockname")[1]
        line.local = (local[0] if local is not None else local_towards(remote, family), port)
        if remote is None:
            line.layer.starts_when_called = True
        else:
            line.layer.only_remote = True
            line.layer.set_remote(remote)
            line.layer.start()
        return line

    @property
    def remote(self) -> Address:
        """Where the other side is, once it was heard."""
        remote = self.layer.remote
        assert remote is not None, "a secure stream has somebody at the other end"  # noqa: S101
        return remote[0], remote[1]

    def send(self, payload: bytes) -> bool:
        """Send a frame of the person's voice."""
        return self.layer.send(self._packetizer.packet(payload).encode())

    def say_that_they_differ(self) -> None:
        """Leave, and say why."""
        self.layer.send(rtcp.goodbye(self.media.stream.ssrc, reason=SAS_DIFFERS))

    async def receive(self) -> RtpPacket | None:
        """The next packet of the other person's voice."""
        return await self._packets.get()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if classify(data) is DatagramKind.RTCP:
            self.media.keep_rtcp(data)
            return
        with suppress(MalformedRtp, asyncio.QueueFull):
            self._packets.put_nowait(RtpPacket.decode(data))


def run_agree(settings: AgreeSettings, use: Callable[[Agreement], int]) -> int:
    """Agree, and let `use` do with the keys what the person wants; returns the exit code.

    Standard output is for the keys, or for machines: what is for people goes to standard error.
    """
    terminal = Terminal.of_process(json=True, plain=settings.call.plain)
    logs.to_terminal(terminal, verbose=settings.call.verbose)
    begun = time.monotonic()
    audience: list[Audience] = [Presenter(terminal, lambda: time.monotonic() - begun, keys=False)]
    if settings.call.json:
        audience.append(JsonLines(sys.stdout, lambda: time.monotonic() - begun))
    try:
        agreement = loops.run(agree(settings, terminal, audience))
        if not agreement.verified:
            terminal.note("warning: these keys are NOT VERIFIED: nobody has compared the words yet", "yellow")
        elif agreement.verdict is Verdict.MATCH:
            terminal.note(NOT_CONFIRMED_YET)
        code = use(agreement)
        text = "the keys were handed over" + (f", and the program ended with {code}" if code else "")
        ended = Ended(code=code, text=text, verdict=agreement.verdict)
    except CommandError as error:
        verdict = Verdict.MISMATCH if error.code is Exit.SAS_MISMATCH else None
        ended = Ended(code=error.code, text=str(error), hint=error.hint, verdict=verdict)
    for listener in audience:
        listener.show(ended)
    return int(ended.code)


def _begun(lines: list[AgreedStream]) -> list[AgreedStream]:
    """The further stream, if one of the sides has begun it: then the first one is for talking alone."""
    return [line for line in lines[1:] if line.media.stream.state is not State.IDLE]


async def _wait_until_secured(line: AgreedStream) -> None:
    """Raises CommandError."""
    try:
        async with asyncio.timeout(FURTHER):
            await line.layer.secured()
    except (TimeoutError, NotSecured) as error:
        raise CommandError(
            "the keys to hand over, those of a further stream, could not be agreed on",
            "the port two above that of the call has to be reachable too, at both sides",
            code=Exit.NOT_AGREED,
        ) from error


def _with_room_above(host: str, family: int) -> Address:
    """A free port, where the one for a further stream is free too; any free one if none such is found."""
    for _ in range(ATTEMPTS):
        with (
            suppress(OSError, OverflowError),
            socket.socket(family, socket.SOCK_DGRAM) as port,
            socket.socket(family, socket.SOCK_DGRAM) as further,
        ):
            port.bind((host, 0))
            found = host, int(port.getsockname()[1])
            further.bind(_two_above(found))
            return found
    return host, 0


def _two_above(address: Address) -> Address:
    return address[0], address[1] + 2


def _copy(keys: SrtpKeys) -> SrtpKeys:
    return replace(keys, key=keys.key.copy(), salt=keys.salt.copy())
