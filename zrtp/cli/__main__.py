"""The `zrtp` command: finds the verb, loads its module, and turns errors into lines and exit codes.

A verb is a module of `zrtp.cli.verbs` with SYNOPSIS, DESCRIPTION, EXAMPLE, `add_arguments(parser)` and
`run(arguments)`; only the one that is asked for is loaded.
"""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Final

from zrtp import __version__
from zrtp.cli.errors import CommandError, Exit, as_line
from zrtp.cli.screen import streams
from zrtp.cli.screen.terminal import Terminal

VERBS: Final = {
    "demo": "both ends here, real UDP on loopback: see what a call looks like",
    "listen": "wait for a caller",
    "call": "call somebody who listens",
    "peers": "whom you know: list, rename, verify, unverify, forget",
    "agree": "agree on keys and hand them to another program",
    "proxy": "between a phone without ZRTP and the network (SIP or bare RTP)",
    "mitm": "a teaching attacker on loopback or private addresses",
    "inspect": "what happened in a recorded call, and who could have heard it",
    "devices": "microphones and loudspeakers",
    "bench": "handshakes and media packets per second on this computer",
}

ALIASES: Final = {
    "answer": "listen",
    "wait": "listen",
    "server": "listen",
    "dial": "call",
    "connect": "call",
    "peer": "peers",
    "contacts": "peers",
    "try": "demo",
    "example": "demo",
}

SHELLS: Final = ("bash", "zsh", "fish")
"""Those that `--completion` knows."""

SUMMARY: Final = """\
Calls between two terminals, encrypted end to end: the keys are agreed over the call itself (ZRTP, RFC 6189),
and two people make sure of them by reading two words to each other."""

USAGE: Final = f"""\
usage: zrtp VERB [options]      (zrtp VERB --help explains each)

{SUMMARY}

{os.linesep.join(f"  {verb:<13}{meaning}" for verb, meaning in VERBS.items())}

start here:  zrtp demo
version:     zrtp -V
completion:  source <(zrtp --completion bash)      (also zsh, fish)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    begun = time.monotonic()
    with _signals_like_ctrl_c():
        try:
            streams.check()
            code = _run(given)
            _flush()
            return code
        except CommandError as error:
            return _fail(given, error, begun)
        except KeyboardInterrupt:
            return _fail(given, CommandError("interrupted", code=Exit.INTERRUPTED), begun)
        except OSError as error:
            return _fail(given, _why(error), begun)


@contextmanager
def _signals_like_ctrl_c() -> Iterator[None]:
    """What would end the process without a word does what Ctrl-C does: raise KeyboardInterrupt."""
    before = {}
    for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
        if signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _why(error: OSError) -> CommandError:
    """What to say of an error of the system: one of `print`, unless it names a file."""
    if error.filename is None:
        return streams.failure(sys.stdout, error)
    return CommandError(f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}")


def _fail(given: list[str], error: CommandError, begun: float) -> int:
    """Say why the command cannot go on, to people and, with --json, to machines."""
    with suppress(CommandError):
        terminal = Terminal.of_process(json="--json" in given, plain="--plain" in given)
        if error.code is Exit.INTERRUPTED:
            terminal.note(str(error))
        else:
            terminal.error(str(error), error.hint)
    if "--json" in given:
        from zrtp.cli.calls.notices import Ended
        from zrtp.cli.screen.jsonlines import JsonLines

        for side in ("alice", "bob") if "demo" in given[:1] else ("",):
            with suppress(CommandError):
                ended = Ended(code=error.code, text=as_line(str(error)), hint=error.hint)
                JsonLines(sys.stdout, lambda: time.monotonic() - begun, side=side).show(ended)
    return int(error.code)


def _flush() -> None:
    """Write what is left now: the interpreter would complain about a full disk in words of its own."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise streams.failure(sys.stdout, error) from error


def _run(given: list[str]) -> int:
    if given[:1] == ["help"]:
        given = [*given[1:2], "--help"]
    if not given:
        print(USAGE, file=sys.stderr)
        return int(Exit.USAGE)
    if given[0] in ("-h", "--help"):
        from zrtp.cli.options.configuration import shown_path

        print(f"{USAGE}\ndefaults:    {shown_path()}")
        return int(Exit.ENDED)
    if given[0] in ("-V", "--version"):
        print(f"zrtp {__version__}")
        return int(Exit.ENDED)
    if given[0] == "--completion":
        print(_completion(given[1:]))
        return int(Exit.ENDED)
    verb = _verb(given[0])
    module = importlib.import_module(f"zrtp.cli.verbs.{verb}")
    try:
        return _run_verb(verb, module, given[1:])
    except SystemExit as request:  # how argparse ends after --help
        return int(request.code or 0)


def _run_verb(verb: str, module: ModuleType, given: list[str]) -> int:
    from zrtp.cli.options import configuration
    from zrtp.cli.options.parser import Parser

    parser = Parser(
        prog=f"zrtp {verb}",
        usage=f"zrtp {verb} {module.SYNOPSIS}",
        description=module.DESCRIPTION,
        epilog=f"{module.EXAMPLE}\n\ndefaults of your own: {configuration.shown_path()}",
    )
    module.add_arguments(parser)
    if "-h" not in given and "--help" not in given:
        configuration.apply(parser, verb, VERBS)
    code: int = module.run(parser.parse_args(given))
    return code


def _completion(given: list[str]) -> str:
    """The completion for a shell, which is made from the parsers when the package is built."""
    shell = given[0] if given else ""
    file = Path(__file__).with_name("shell") / f"zrtp.{shell}"
    if shell not in SHELLS or not file.exists():
        raise CommandError(
            f'there is no completion for "{shell}"', f"for {', '.join(SHELLS)} there is", code=Exit.USAGE
        )
    return file.read_text("utf-8")


def _verb(word: str) -> str:
    """The verb that is meant; a misspelt one is taken for what it resembles, and that is said."""
    folded = word.lower()
    if folded in VERBS:
        return folded
    if folded in ALIASES:
        return ALIASES[folded]
    close = difflib.get_close_matches(folded, [*VERBS, *ALIASES], n=1, cutoff=0.7)
    if not close:
        raise CommandError(f'there is no verb "{word}"', f"the verbs are {', '.join(VERBS)}", code=Exit.USAGE)
    verb = ALIASES.get(close[0], close[0])
    Terminal.of_process(json=True).note(f'taking "{word}" for "{verb}"')
    return verb


if __name__ == "__main__":
    sys.exit(main())
