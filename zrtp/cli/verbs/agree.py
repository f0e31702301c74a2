"""`zrtp agree`: keys for a program that has SRTP and no ZRTP."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Final

from zrtp.cli.calls import handing_over
from zrtp.cli.calls.agreeing import AgreeSettings, run_agree
from zrtp.cli.calls.handing_over import Agreement, Format, KeysBy
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import call, configuration
from zrtp.cli.options.addresses import DEFAULT_PORT, address, remote_address
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto import codes
from zrtp.crypto.codes import MULT

SYNOPSIS: Final = "HOST:PORT | --listen [BIND]   (--format FORM | --exec 'COMMAND') [options]"

DESCRIPTION: Final = """\
Agrees on SRTP keys over the media port, lets two people compare the words, and only then hands the keys and the port
to another program. The people talk over a first stream with --talk, or over another line; --verify later hands over
keys that are marked "not verified". Not one packet is sent under these keys from here, and words that differ hand
over nothing."""

EXAMPLE: Final = """\
example:
  zrtp agree --listen --format ffmpeg --keys-by file \\
      --exec 'ffmpeg -protocol_whitelist file,udp,rtp,srtp,crypto -i {keys} heard.wav'
  zrtp agree 192.0.2.20:5004 --format sdes
  zrtp agree 192.0.2.20:5004 --exec './my-phone {port} {remote_host} {remote_port}'

The command of --exec finds ZRTP_SUITE, ZRTP_SEND_KEY, ZRTP_RECEIVE_KEY (base64 of master key and salt), ZRTP_PORT,
ZRTP_REMOTE_HOST, ZRTP_REMOTE_PORT and ZRTP_VERIFIED (yes or no) in its environment. ffmpeg when sending, mediastream
and gst-launch take keys on the command line only, where every user of this computer can read them:
  --expose-keys allows {send_key} {receive_key} {send_hex} {receive_hex}.

Exit codes: that of the command, or 0 handed over, 2 usage, 3 the words differ, 4 no ZRTP peer, 5 key agreement failed,
6 local failure, 130 interrupted."""


_USUAL: Final = address(f":{DEFAULT_PORT}")
"""Where a listener waits who says nothing else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("remote", type=remote_address, nargs="?", metavar="HOST:PORT", help="where the other side is")
    parser.add_argument(
        "--listen",
        type=address,
        nargs="?",
        const=_USUAL,
        metavar="BIND",
        help=f"wait for the other side instead (default: 0.0.0.0:{DEFAULT_PORT})",
    )
    parser.add_argument(
        "--talk",
        action="store_true",
        help="talk over a first stream, to compare the words, which the other side hears if it has --talk too; "
        "the keys are then, at both sides, those of a further stream, two ports above",
    )
    keys = parser.add_argument_group("the keys")
    forms = [form.value for form in Format]
    keys.add_argument("--format", choices=forms, help="print the keys, or write them for --exec, in this form")
    keys.add_argument("--exec", metavar="'COMMAND'", help="run this program, which gets the keys")
    ways = [by.value for by in KeysBy]
    keys.add_argument(
        "--keys-by",
        choices=ways,
        help="how it gets them: in its environment (default), or as {keys}, a descriptor or a file of mode 0600",
    )
    keys.add_argument(
        "--expose-keys", action="store_true", help="allow keys on the command line, where every user here can read them"
    )
    call.add(parser, bind="any free port")


def run(arguments: argparse.Namespace) -> int:
    if (arguments.remote is None) == (arguments.listen is None):
        raise CommandError("give HOST:PORT or --listen", "one side calls, the other listens", code=Exit.USAGE)
    if arguments.format is None and arguments.exec is None:
        raise CommandError(
            "nobody gets the keys", "--format prints them, --exec hands them to a program", code=Exit.USAGE
        )
    if arguments.json and arguments.exec is None:
        raise CommandError(
            "with --json standard output is for events, and there are no keys in them",
            "let --exec hand the keys over",
            code=Exit.USAGE,
        )
    _refuse_what_has_no_use(arguments)
    form, by = Format(arguments.format or Format.JSON.value), KeysBy(arguments.keys_by or KeysBy.ENVIRONMENT.value)
    if arguments.exec is not None:
        handing_over.check_command(arguments.exec, by, expose=arguments.expose_keys)
    _offer_only_what_is_there(arguments, form)
    given = call.CallSettings.of(arguments)
    agreements = given.config.key_agreements
    agreements = agreements if MULT in agreements else (*agreements, MULT)  # of the further stream, if one side talks
    config = replace(given.config, srtp_profiles=form.suites, key_agreements=agreements)
    bind = arguments.listen if _names_place(arguments) or given.bind is None else given.bind
    settings = AgreeSettings(
        remote=arguments.remote,
        talk=arguments.talk,
        options=f"--format {form.value}{' --talk' * arguments.talk}",
        call=replace(given, config=config, bind=bind),
    )

    def use(agreement: Agreement) -> int:
        if arguments.exec is not None:
            return handing_over.run(arguments.exec, agreement, form, by, expose=arguments.expose_keys)
        _print(handing_over.written(agreement, form), arguments)
        return int(Exit.ENDED)

    return run_agree(settings, use)


def _refuse_what_has_no_use(arguments: argparse.Namespace) -> None:
    """Raises CommandError for options without the one that they are about."""
    needed = {
        "--talk": {"--record": arguments.record is not None, "--seconds": arguments.seconds is not None},
        "--exec": {"--keys-by": arguments.keys_by is not None, "--expose-keys": arguments.expose_keys},
    }
    there = {"--talk": arguments.talk, "--exec": arguments.exec is not None}
    for other, options in needed.items():
        for option, given in options.items():
            if given and not there[other]:
                raise CommandError(f"{option} needs {other}", "give both, or neither", code=Exit.USAGE)
    if _names_place(arguments) and configuration.given(arguments, "bind") not in (None, arguments.listen):
        raise CommandError("--listen BIND and --bind name different addresses", "give one of them", code=Exit.USAGE)


def _names_place(arguments: argparse.Namespace) -> bool:
    """Whether --listen says where, so that --bind has nothing to say."""
    return arguments.listen is not None and arguments.listen is not _USUAL


def _offer_only_what_is_there(arguments: argparse.Namespace, form: Format) -> None:
    """Only suites that the receiver has are offered. Raises CommandError."""
    for place, name in enumerate(("cipher", "auth_tag")):
        able = tuple(dict.fromkeys(suite[place] for suite in form.suites))
        chosen = tuple(code for code in getattr(arguments, name) or able if code in able)
        if not chosen:
            names = ", ".join(map(codes.name, able))
            raise CommandError(
                f"{form.value} has none of these", f"of --{name.replace('_', '-')} it has {names}", code=Exit.USAGE
            )
        setattr(arguments, name, chosen)


def _print(text: str, arguments: argparse.Namespace) -> None:
    terminal = Terminal.of_process(json=True, plain=arguments.plain)
    if sys.stdout.isatty():
        terminal.note("warning: whoever sees these keys can hear the call", "yellow")
    sys.stdout.write(text)
    sys.stdout.flush()
