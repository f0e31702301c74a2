"""What a program hands in is of the right kind, or refused without its value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.support.cases import every
from zrtp.door import (
    described,
    need_flag,
    need_function,
    need_instance,
    need_methods,
    need_moment,
    need_number,
    need_octets,
    need_options,
    need_seconds,
    need_text,
    need_utf8,
    need_whole,
    source_of_randomness,
)
from zrtp.errors import ApiMisuse, RandomnessFailed
from zrtp.system import system_random


async def awaited() -> None:
    """What is not called, but awaited."""


class Awaited:
    """An object of that kind."""

    async def __call__(self) -> None: ...

    async def meet(self) -> None: ...


@every(
    ("refused", "sentence"),
    [
        (lambda: need_octets("aux_secret", 32), r"aux_secret is octets \(bytes\), not int\."),
        (lambda: need_octets("zid", bytes(3), length=12), r"zid has 12 octets, not 3\."),
        (lambda: need_text("name", b"bob"), r"name is text \(str\), not bytes\."),
        (lambda: need_utf8("name", "\ud800"), "that UTF-8 can express"),
        (lambda: need_flag("passive", "no"), "passive is True or False, not str"),
        (lambda: need_whole("pairs", True), "pairs is a whole number, not bool"),
        (lambda: need_whole("pairs", -1, 0), "a whole number at least 0"),
        (lambda: need_whole("ssrc", 2**32, 0, 2**32 - 1), "a whole number from 0 to 4294967295"),
        (lambda: need_number("silence", "10"), "silence is a number, not str"),
        (lambda: need_number("silence", float("nan")), "a finite number"),
        (lambda: need_seconds("silence", "10"), "silence is a number, not str"),
        (lambda: need_seconds("silence", 0), "silence is a number of seconds above 0"),
        (lambda: need_seconds("silence", -1.0), "silence is a number of seconds above 0"),
        (lambda: need_seconds("silence", float("inf")), "a finite number"),
        (lambda: need_moment(None), "a number of seconds, .* not None"),
        (lambda: need_moment(float("nan")), "a number of seconds"),
        (lambda: need_function("random", 3, "a function"), "random is a function, not int"),
        (lambda: need_function("on_event", awaited, "a function"), "on_event is a function, not one with async"),
        (lambda: need_function("on_event", Awaited().meet, "a function"), "not one with async"),
        (lambda: need_function("on_event", Awaited(), "a function"), "not one with async"),
        (lambda: need_function("on_event", partial(awaited), "a function"), "not one with async"),
        (lambda: need_instance("config", {}, Exception, "a Config"), "config is a Config, not dict"),
        (lambda: need_methods("cache", dict, ("get",), "a cache"), "not the class dict itself"),
        (lambda: need_methods("cache", {}, ("load",), "a cache"), "cache is a cache, not dict"),
        (lambda: need_options("A call", ["ssrk"], {"ssrc": int, "path": object}), "no option 'ssrk'; .* path, ssrc"),
    ],
)
def test_what_is_of_another_kind_is_refused(refused: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        refused()


def test_what_is_of_the_right_kind_passes() -> None:
    assert need_octets("key", bytearray(b"ab")) == need_octets("key", memoryview(b"ab"), length=2) == b"ab"
    assert need_text("name", "böb") == "böb"
    assert need_flag("passive", True) and need_whole("pairs", 2, 0, 2) == 2
    assert need_number("silence", 1) == need_seconds("silence", 1) == 1 and need_moment(0.5) == 0.5
    need_options("A call", ["ssrc"], {"ssrc": int})


def test_no_refusal_tells_a_secret() -> None:
    with pytest.raises(ApiMisuse) as refused:
        need_octets("aux_secret", "correct horse")
    assert "horse" not in str(refused.value)
    assert (described(None), described("horse"), described(str)) == ("None", "str", "the class str itself")


def test_a_source_of_randomness_is_looked_at_each_time() -> None:
    def broken(_: int) -> bytes:
        raise OSError("no entropy")

    assert source_of_randomness(bytearray)(3) == bytes(3)
    assert source_of_randomness(system_random) is system_random
    with pytest.raises(ApiMisuse, match="gave 2 octets where 3 were asked for"):
        source_of_randomness(lambda length: bytes(length - 1))(3)
    with pytest.raises(ApiMisuse, match=r"is octets \(bytes\), not str"):
        source_of_randomness(lambda length: "x" * length)(3)
    with pytest.raises(RandomnessFailed, match="raised OSError"):
        source_of_randomness(broken)(3)
