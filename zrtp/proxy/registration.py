"""The address under which the server knows the phone is ours (RFC 3261 section 10).

A REGISTER leaves with our address as its Contact, its answer comes back with the phone's; requests that the server
sends to our address get the phone's own as their request URI again. Digest credentials do not cover Contact.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from zrtp.proxy.routing import FlowTokens, Hop
from zrtp.proxy.sip import SipMessage, Uri, bare_uri

LINE: Final = "zline"
"""Our parameter in a Contact: which of the phones behind us, and which address of it."""
MOST_BINDINGS: Final = 1024


@dataclass(frozen=True, slots=True)
class Binding:
    """One address of one phone."""

    flow: str
    uri: str
    """As the phone wrote it."""


class Bindings:
    """The registered addresses by what stands in our Contact for them."""

    def __init__(self, flows: FlowTokens) -> None:
        self._flows = flows
        self._bindings: OrderedDict[str, Binding] = OrderedDict()

    def outward(self, register: SipMessage, network: Hop, flow: str) -> None:
        """Put our address into the Contacts of a REGISTER of the phone."""
        contacts = register.values("contact")
        if contacts:
            register.replace("contact", [self._ours(value, network, flow) for value in contacts])

    def inward(self, response: SipMessage) -> None:
        """Put the phone's addresses back into the answer."""
        contacts = response.values("contact")
        if any(self._binding(value) for value in contacts):
            response.replace("contact", [self._theirs(value) for value in contacts])

    def find(self, uri: str) -> Binding | None:
        """Whom a request URI means, if it holds one of our Contacts."""
        return self._named(Uri.parse(uri))

    def _ours(self, value: str, network: Hop, flow: str) -> str:
        uri = Uri.of(value)
        if uri is None:  # "*", or an address that is not SIP
            return value
        own = bare_uri(value)
        line = self._flows.digest(f"{flow} {own}")
        self._bindings[line] = Binding(flow, own)
        self._bindings.move_to_end(line)
        if len(self._bindings) > MOST_BINDINGS:
            self._bindings.popitem(last=False)
        transport = "" if network.transport == "UDP" else f";transport={network.transport.lower()}"
        rest = f"{transport};{LINE}={line}{uri.without('transport', LINE)}"
        scheme = "sip" if network.transport != "TLS" else uri.scheme
        ours = replace(uri, scheme=scheme, host=network.host, port=network.port, rest=rest)
        return _with_uri(value, own, str(ours))

    def _theirs(self, value: str) -> str:
        binding = self._binding(value)
        return value if binding is None else _with_uri(value, bare_uri(value), binding.uri)

    def _binding(self, value: str) -> Binding | None:
        return self._named(Uri.of(value))

    def _named(self, uri: Uri | None) -> Binding | None:
        line = uri.parameter(LINE) if uri is not None else None
        return self._bindings.get(line) if line else None


def _with_uri(value: str, old: str, new: str) -> str:
    """Another URI in a value of Contact; around it nothing changes, but angle brackets that it needs now."""
    if f"<{old}>" in value:
        return value.replace(f"<{old}>", f"<{new}>", 1)
    return f"<{new}>{value.strip().removeprefix(old)}"
