"""A record as columns and back, for stores with tables. The fields stand once, in `PeerRecord`: all of this follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from zrtp.cache.record import PeerRecord
from zrtp.secret import Secret


@dataclass(frozen=True, slots=True)
class ColumnType:
    """How values of one type lie in a column."""

    declaration: str
    """Its type in SQL, as SQLite calls it."""
    to_column: Callable[[Any], Any]
    from_column: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record."""

    name: str
    kind: ColumnType

    @property
    def declaration(self) -> str:
        """Name and type in SQL."""
        return f"{self.name} {self.kind.declaration}"


def to_columns(record: PeerRecord) -> list[Any]:
    """The values of a record in the order of COLUMNS. They share the octets of its secrets."""
    return [convert(value) for convert, value in zip(_TO, _VALUES(record), strict=True)]


def from_columns(values: Iterable[Any]) -> PeerRecord:
    """The record of such values, with secrets of its own."""
    return PeerRecord(**{name: convert(value) for name, convert, value in zip(NAMES, _FROM, values, strict=True)})


def _octets(secret: Secret | None) -> bytearray | None:
    return None if secret is None else secret.octets


def _secret(octets: bytes | None) -> Secret | None:
    return None if octets is None else Secret(octets)


def _time(seconds: float | None) -> float | None:
    """As a database gives it back: a float, and never a negative zero."""
    return None if seconds is None else seconds + 0.0


def _same(value: Any) -> Any:
    return value


_KINDS: Final[dict[object, ColumnType]] = {
    "Secret | None": ColumnType("BLOB", _octets, _secret),
    "float | None": ColumnType("REAL", _time, _same),
    "float": ColumnType("REAL NOT NULL", _time, _same),
    "int": ColumnType("INTEGER NOT NULL", _same, _same),
    "bool": ColumnType("INTEGER NOT NULL", int, bool),
    "str": ColumnType("TEXT NOT NULL", _same, _same),
}
"""By the type of a field, as it is written there."""

COLUMNS: Final = tuple(Column(field.name, _KINDS[field.type]) for field in fields(PeerRecord))
NAMES: Final = tuple(column.name for column in COLUMNS)

_TO: Final = tuple(column.kind.to_column for column in COLUMNS)
_FROM: Final = tuple(column.kind.from_column for column in COLUMNS)
_VALUES: Final = attrgetter(*NAMES)
