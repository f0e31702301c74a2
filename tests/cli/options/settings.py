"""Command lines and what they settle."""

from __future__ import annotations

import pytest

from zrtp.cli.errors import CommandError
from zrtp.cli.options import call
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.parser import Parser


def parse(*arguments: str, answers: bool = False) -> CallSettings:
    parser = Parser(prog="zrtp call")
    call.add(parser, bind="any", answers=answers)
    return CallSettings.of(parser.parse_args(arguments))


def complaint(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        parse(*arguments)
    return caught.value
