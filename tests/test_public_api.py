"""What an application may import: complete, documented, typed."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest

import zrtp
from tests.support.cases import every
from zrtp import Config, Endpoint, Event, Session, Stream
from zrtp.protocol import events

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
    undocumented = [name for name, member in public_members(kind) if not inspect.getdoc(member)]
    assert [name for name in undocumented if name not in NAMES_THAT_SAY_IT_ALL] == []


NAMES_THAT_SAY_IT_ALL = {
    "emit",
    "fail",
    "stop_repeating",
    "set_sending",
    "acknowledge_error",
    "warn",
}
"""Methods for handlers, not for applications."""


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
        assert event.__name__ in zrtp.__all__, event


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
    code = "import sys, zrtp; print(*sorted({'asyncio', 'sqlite3', 'socket'} & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603  (our own interpreter and our own code)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
