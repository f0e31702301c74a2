"""What an application may import: complete, documented, typed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import zrtp
import zrtp.events as public_events
from tests.support.cases import every
from tests.support.loading import loaded_by
from tests.support.media_pair import MediaPair
from zrtp import ApiMisuse, Config, Endpoint, Event, MemoryCache, Secret, Session, Stream
from zrtp.media.aio import AsyncCall
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol import events
from zrtp.protocol.aspects import Keys, Pbx, Peer

PACKAGE = Path(zrtp.__file__).parent


def public_members(kind: type) -> list[tuple[str, object]]:
    """Methods and properties that an application may use."""
    return [
        (name, member)
        for name, member in vars(kind).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod))
    ]


def test_all_names_exist_once_and_in_order() -> None:
    names = [name for name in zrtp.__all__ if not name.startswith("__")]
    assert len(set(names)) == len(names)
    assert names == sorted(names)
    for name in zrtp.__all__:
        assert hasattr(zrtp, name)


def test_nothing_public_is_missing_from_all() -> None:
    exported = {name for name, value in vars(zrtp).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert exported == {name for name in zrtp.__all__ if not name.startswith("__")}


@every("name", [name for name in zrtp.__all__ if name not in ("__version__", "Event")])
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(zrtp, name)
    text = inspect.getdoc(value) or ""
    assert len(text.split()) >= 3, name
    assert not text.startswith(f"{name}("), f"{name} has the signature that dataclass generates, not a docstring"


@pytest.mark.parametrize("kind", [Endpoint, Session, Stream], ids=lambda kind: kind.__name__)
def test_every_public_method_is_documented(kind: type) -> None:
    assert [name for name, member in public_members(kind) if not inspect.getdoc(member)] == []


FRONT_DOOR: dict[type, str] = {
    Endpoint: "cache close config prepare session zid zid_for",
    Session: (
        "add_stream agree_to_clear assurance close continuity go_clear go_secure keys next_event pbx peer sas "
        "sas_matched sas_mismatched store_done store_to_do streams take_back_verdict work_done work_to_do"
    ),
    Stream: (
        "close counters datagrams_to_send expect_hello handle_timer hello_hash hello_hashes mode next_timer "
        "permit_clear ping receive_datagram role sending srtp_verified ssrc start state suite"
    ),
    Peer: "bound_to_signalling client forget name rename signature trust_signer verified verified_at zid",
    Pbx: "accept_enrolment matched peer_is_pbx relay relayed_flags relayed_sas",
    Keys: "export forget",
    SecureCall: (
        "add_stream best_effort close handle_timer has_news media next_event next_timer session settle silence"
    ),
    SecureMedia: (
        "counters datagram_received datagrams_to_send keep_rtcp may_send newcomer_hello peer_left protect protect_rtcp "
        "refused_by_network start stream take_rtcp unprotect unprotect_rtcp zrtp_received"
    ),
}
"""Everything that an application can reach by a name without an underscore, and nothing that only handlers need."""


def test_the_front_door_has_these_members_and_at_most_twenty_for_each_class() -> None:
    pair = MediaPair()
    objects: list[object] = [pair.alice.call.session, pair.alice.call, pair.alice.media, pair.alice.media.stream]
    session = pair.alice.call.session
    objects += [session.peer, session.pbx, session.keys, Endpoint()]
    for thing in objects:
        members = " ".join(name for name in dir(thing) if not name.startswith("_"))
        assert members == FRONT_DOOR[type(thing)], type(thing).__name__
        assert len(members.split()) <= (10 if isinstance(thing, Peer | Pbx | Keys) else 20), type(thing).__name__
    assert {type(thing) for thing in objects} == set(FRONT_DOOR)


def test_the_top_level_has_at_most_thirty_names_and_every_room_says_which_are_its_own() -> None:
    assert len(zrtp.__all__) <= 30
    for room in ("cache", "errors", "events", "media"):
        module = import_module(f"zrtp.{room}")
        assert module.__all__ == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None, f"zrtp.{room}.{name}"


@every(
    ("wrong", "sentence"),
    [
        (lambda: make(Endpoint, cache="x.db"), "cache is a cache such as zrtp.MemoryCache"),
        (lambda: make(Endpoint, "AES3"), "config is a zrtp.Config, not str"),
        (lambda: make(SecureCall, Endpoint()), "made of a session"),
        (lambda: make(Endpoint().session().add_stream, "1"), "a number of 32 bits"),
        (lambda: make(Endpoint().session, store="never"), '"at once" or "deferred"'),
        (lambda: make(Endpoint, zid=b"short"), "12 octets"),
        (lambda: make(Endpoint, zid="x" * 12), r"zid is octets \(bytes\), not str"),
        (lambda: make(Endpoint, cache=MemoryCache), "not the class MemoryCache itself"),
        (lambda: make(Endpoint, signer="x"), "an object that signs, .* not str"),
        (lambda: make(Endpoint, verifiers="x"), "an object such as an X509Verifier, not str"),
        (lambda: make(Endpoint, wall_clock=3), "a function that tells the time"),
        (lambda: make(Endpoint().session, aux_secret=32), r"aux_secret is octets \(bytes\), not int"),
        (lambda: make(Endpoint().session, aux_secret=b""), "aux_secret is empty"),
        (lambda: make(Endpoint().session, signalled_key=b"ab"), "a pair of octets"),
        (lambda: make(Endpoint().session, signalled_key=(b"", b"")), "signalled_key is empty"),
        (lambda: make(Secret, 5), "made of octets"),
        (lambda: make(Config, mtu="1232"), r"Config\.mtu is a whole number, not str"),
        (lambda: make(Config, passive="no"), r"Config\.passive is True or False, not str"),
        (lambda: make(Config, client_id="zürtp"), r"Config\.client_id is octets \(bytes\)"),
        (lambda: make(AsyncCall, Endpoint(), best_efort=True), "no option 'best_efort'"),
    ],
)
def test_what_is_of_the_wrong_type_is_refused_at_the_door(wrong: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        wrong()


def make(what: Callable[..., object], *arguments: object, **options: object) -> object:
    """A call that the type checker would not let pass."""
    return what(*arguments, **options)


def test_every_event_is_in_the_union_and_frozen() -> None:
    union = set(get_args(Event))
    declared = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and is_dataclass(value) and any(field.name == "ssrc" for field in fields(value))
    }
    assert union == declared
    for event in union:
        assert event.__dataclass_params__.frozen, event
        assert event.__name__ in public_events.__all__, event


def test_every_field_of_config_and_every_enum_member_that_needs_it_has_a_line() -> None:
    """In the source, since Python keeps no docstrings of fields."""
    tree = ast.parse((PACKAGE / "protocol" / "config.py").read_text(encoding="utf-8"))
    (config,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config"]
    documented = set()
    for node, following in zip(config.body, config.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            documented |= {node.target.id} if text else set()
    plain = {"hashes", "ciphers", "auth_tags", "key_agreements", "sas_types", "clear_dialect"}
    assert {field.name for field in fields(Config)} - documented <= plain


def test_enums_are_enums_and_their_values_are_words_or_codes() -> None:
    for name in zrtp.__all__:
        value = getattr(zrtp, name)
        if isinstance(value, type) and issubclass(value, Enum):
            for member in value:
                assert isinstance(member.value, str | int), member


def test_the_package_is_typed_and_has_a_version() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert zrtp.__version__.count(".") == 2
    assert isinstance(zrtp.__doc__, str)


def test_importing_the_package_loads_neither_asyncio_nor_a_database() -> None:
    assert loaded_by("import zrtp").isdisjoint({"asyncio", "sqlite3", "socket"})
