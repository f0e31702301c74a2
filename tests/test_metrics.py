"""Numbers as the text that monitoring reads."""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.metrics import as_text


@dataclass
class Kitchen:
    meals_total: int = 3
    heat: float = 0.5


def test_each_field_is_a_line_and_what_only_grows_is_a_counter() -> None:
    assert as_text("kitchen", Kitchen()) == (
        "# TYPE kitchen_meals_total counter\nkitchen_meals_total 3\n# TYPE kitchen_heat gauge\nkitchen_heat 0.5\n"
    )
