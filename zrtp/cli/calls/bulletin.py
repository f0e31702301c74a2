"""What the audience of a call is told: where we are, every event, and how sure it is that nobody sits in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zrtp.cache.record import clean_name
from zrtp.cli.calls import opening
from zrtp.cli.calls.meeting import Meeting, RouterPort
from zrtp.cli.calls.notices import Agreed, Calling, Listening, News, Standing
from zrtp.cli.options.call import CallSettings
from zrtp.media.addresses import Address
from zrtp.media.aio import SecureStream
from zrtp.media.events import CallEvent
from zrtp.protocol.events import Assurance, Closed, Secured, SecurityWarning, WarningCode


class Audience(Protocol):
    """Whoever is told what happens: people, machines."""

    def show(self, news: News) -> None: ...


class Bulletin:
    """Tells one audience of one call."""

    def __init__(
        self, audience: Sequence[Audience], settings: CallSettings, found: Meeting | RouterPort | None
    ) -> None:
        self._audience = audience
        self._settings = settings
        self._found = found
        self._meeting = found if isinstance(found, Meeting) else None
        self._doubts: set[WarningCode] = set()
        self._agreed = False
        self._assurance = Assurance.INSECURE
        self._counted = (0, 0)  # ZRTP packets and octets up to the last key agreement

    def show(self, news: News) -> None:
        """Tell everybody."""
        for listener in self._audience:
            listener.show(news)

    def announce(self, stream: SecureStream, zid: bytes, remote: Address | None) -> None:
        """The socket is open; `zid` is ours."""
        if self._meeting is not None:
            return  # everything has been told step by step
        hello_hash = stream.media.stream.hello_hash
        if remote is not None:
            self.show(Calling(remote=remote, bind=stream.local, zid=zid, hello_hash=hello_hash))
            return
        mapped = self._found.advertised if isinstance(self._found, RouterPort) else None
        advertised = mapped or (opening.own_host(stream.local[0]), stream.local[1])
        self.show(
            Listening(
                bind=stream.local,
                advertised=advertised,
                zid=zid,
                hello_hash=hello_hash,
                caveat=opening.who_reaches(advertised),
            )
        )

    def tell(self, stream: SecureStream, event: CallEvent) -> None:
        """The event, and what follows from it for the person."""
        before, self._assurance = self._assurance, self._standing(stream)
        if isinstance(event, Secured):
            self._tell_agreed(stream, event)
            return
        if not self._is_old_news(event):
            self.show(event)
        if isinstance(event, SecurityWarning):
            self._doubts.add(event.code)
        if self._assurance is not before and self._agreed and not isinstance(event, Closed):
            self.show(Standing(assurance=self._assurance))

    def _is_old_news(self, event: CallEvent) -> bool:
        """That both ends have one ZID is told once: each Hello says so again."""
        return (
            isinstance(event, SecurityWarning) and event.code is WarningCode.EQUAL_ZIDS and event.code in self._doubts
        )

    def _tell_agreed(self, stream: SecureStream, secured: Secured) -> None:
        self._agreed = True
        session, counters = stream.session, stream.media.counters
        expected = clean_name(self._settings.name or "")
        before, self._counted = self._counted, (counters.zrtp_packets, counters.zrtp_octets)
        agreed = Agreed(
            secured=secured,
            packets=counters.zrtp_packets - before[0],
            octets=counters.zrtp_octets - before[1],
            assurance=self._standing(stream),
            by_code=self._bound_to_code(stream),
            new_device_of=expected if WarningCode.NEW_DEVICE in self._doubts else "",
            stranger_to=expected if WarningCode.DIFFERENT_NAME in self._doubts else "",
            differed=WarningCode.SAS_MISMATCH in self._doubts,
            sas_wanted=self._settings.config.sas_types[0],
            server=session.pbx.peer_is_pbx,
            enrolled=session.pbx.peer_is_pbx and session.pbx.matched,
        )
        self.show(agreed)

    def _standing(self, stream: SecureStream) -> Assurance:
        """How sure it is that nobody sits in between. A code binds the call to it, but it is no evidence to the engine
        (RFC 6189 section 4.6.1.1): an alarm stays one, and what is known about the peer stays as it was."""
        assurance = stream.session.assurance
        bound = assurance is Assurance.ENCRYPTED and self._bound_to_code(stream)
        return Assurance.SIGNALLING if bound else assurance

    def _bound_to_code(self, stream: SecureStream) -> bool:
        return self._meeting is not None and self._meeting.by_code and stream.session.peer.bound_to_signalling
