"""Numbers for monitoring, as the text that Prometheus and others read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


def as_text(prefix: str, metrics: Any) -> str:
    """The fields of a dataclass of numbers, a line each, behind `prefix`. What ends in _total is a counter.

    The format is version 0.0.4 of Prometheus' text; a host appends its own lines, and serves all of it.
    """
    lines = []
    for field in fields(metrics):
        name = f"{prefix}_{field.name}"
        lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
        lines.append(f"{name} {getattr(metrics, field.name)}")
    return "\n".join(lines) + "\n"
