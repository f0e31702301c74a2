"""Fuzzing by one command, guided by coverage where atheris is installed, and with plain mutations where it is not.

    python -m tests.security.fuzz codec --seconds 30
    python -m tests.security.fuzz engine --seconds 600 --keep findings
    python -m tests.security.fuzz all --fallback --executions 100000 --seed 7

Targets are the modules `fuzz_codec`, `fuzz_fragments`, `fuzz_engine`, `fuzz_inspection` and `fuzz_reach`; each says
what must hold. Inputs start from `vectors/corpora`. An input that breaks something is printed and ends the command
with status 1; run it again with `--input HEX`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.security import corpora

TARGETS = ("codec", "fragments", "engine", "inspection", "reach")
LONGEST = {"codec": 2200, "fragments": 600, "engine": 400, "inspection": 20_000, "reach": 2000}

Target = Callable[[bytes], None]


@dataclass(frozen=True)
class Result:
    """What came of fuzzing one target."""

    target: str
    how: str
    """"atheris" or "mutations"."""
    executions: int
    seconds: float
    finding: bytes | None
    text: str = ""

    def __str__(self) -> str:
        rate = self.executions / self.seconds if self.seconds else 0.0
        verdict = "nothing found" if self.finding is None else f"FOUND {self.finding.hex()}\n{self.text}"
        return (
            f"{self.target}: {self.executions} executions with {self.how} in {self.seconds:.1f} s "
            f"({rate:.0f} a second), {verdict}"
        )


def target_of(name: str) -> Target:
    """The function that runs one input."""
    run: Target = importlib.import_module(f"tests.security.fuzz_{name}").run
    return run


def mutate(name: str, *, seconds: float | None = None, executions: int | None = None, seed: int = 0) -> Result:
    """Run the corpus, or as much of it as there may be, then mutated inputs until time or number are used up, or until
    something breaks.
    """
    run, corpus, dice = target_of(name), corpora.read(name), random.Random(seed)
    started = time.perf_counter()
    count = 0
    whole = executions is None or executions >= len(corpus)
    for data in corpus if whole else dice.sample(corpus, executions or 0):
        count += 1
        if (text := _broken(run, data)) is not None:
            return Result(name, "mutations", count, time.perf_counter() - started, data, text)
    while (executions is None or count < executions) and (
        seconds is None or count % 64 or time.perf_counter() - started < seconds
    ):
        data = mutation(dice, corpus, LONGEST[name])
        count += 1
        if (text := _broken(run, data)) is not None:
            return Result(name, "mutations", count, time.perf_counter() - started, data, text)
    return Result(name, "mutations", count, time.perf_counter() - started, None)


def mutation(dice: random.Random, corpus: list[bytes], longest: int) -> bytes:
    """An input of the corpus with a few changes."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(data):
                data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            case 2:
                data[at:at] = dice.randbytes(dice.choice((1, 2, 4, 4, 8, 16)))
            case 3:
                del data[at : at + dice.choice((1, 2, 4, 4, 8, 16))]
            case 4:
                data[at : at + 2] = dice.choice((b"\x00\x00", b"\xff\xff", b"\x00\x03", b"\x01\xff"))
            case 5:
                part = data[at : at + dice.randrange(1, 33)]
                data[at:at] = part
            case 6:
                other = dice.choice(corpus)
                cut = dice.randrange(len(other) + 1)
                data[at:] = other[cut:]
            case 7:
                data[at : at + 4] = dice.choice((b"Mult", b"Prsh", b"X255", b"DH3k", b"\0\0\0\0"))
            case 8:
                del data[at:]
    return bytes(data[:longest])


def _broken(run: Target, data: bytes) -> str | None:
    """The traceback of an input that breaks something."""
    try:
        run(data)
    except Exception:
        return traceback.format_exc()
    return None


# Guided by coverage.


def atheris_is_installed() -> bool:
    return importlib.util.find_spec("atheris") is not None


def guided(name: str, *, seconds: int, keep: Path | None = None) -> Result:
    """Run atheris in a process of its own, since it never returns."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = keep if keep is not None else Path(folder, "corpus")
        seeds.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(corpora.read(name)):
            Path(seeds, f"seed-{number:04}").write_bytes(data)
        started = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "tests.security.fuzz", name, "--inside-atheris", str(seeds)),
                *(f"-max_total_time={seconds}", f"-max_len={LONGEST[name]}", f"-artifact_prefix={folder}/"),
                "-print_final_stats=1",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            cwd=Path(__file__).parents[2],
            check=False,
        )
        took = time.perf_counter() - started
        ran = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
        executions = int(ran.group(1)) if ran else 0
        crashes = sorted(Path(folder).glob("*-*"))
        if crashes or done.returncode:
            finding = crashes[0].read_bytes() if crashes else b""
            return Result(name, "atheris", executions, took, finding, done.stdout[-4000:] + done.stderr[-4000:])
        return Result(name, "atheris", executions, took, None)


def inside_atheris(name: str, arguments: list[str]) -> None:
    """Instrument the package while it is imported, and run until the time is over."""
    import atheris

    with atheris.instrument_imports(include=["zrtp"]):
        run = target_of(name)
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


def main() -> int:
    logging.disable(logging.CRITICAL)
    if "--inside-atheris" in sys.argv:
        at = sys.argv.index("--inside-atheris")
        inside_atheris(sys.argv[1], sys.argv[at + 1 :])
        return 0
    parser = argparse.ArgumentParser(
        description="Fuzz the codec, the fragment reassembler, the engine or the reading of captures."
    )
    parser.add_argument("target", choices=(*TARGETS, "all"))
    parser.add_argument("--seconds", type=int, default=30, help="time for each target")
    parser.add_argument("--executions", type=int, help="instead of a time, with mutations only")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--fallback", action="store_true", help="mutations even if atheris is installed")
    parser.add_argument("--keep", type=Path, help="folder in which atheris keeps what it found new")
    parser.add_argument("--input", help="run this one input, in hexadecimal")
    options = parser.parse_args()
    targets = TARGETS if options.target == "all" else (options.target,)
    if options.input is not None:
        for name in targets:
            target_of(name)(bytes.fromhex(options.input))
        return 0
    found = False
    for name in targets:
        if atheris_is_installed() and not options.fallback and options.executions is None:
            result = guided(name, seconds=options.seconds, keep=options.keep and options.keep / name)
        elif options.executions is not None:
            result = mutate(name, executions=options.executions, seed=options.seed)
        else:
            result = mutate(name, seconds=options.seconds, seed=options.seed)
        print(result, flush=True)
        found |= result.finding is not None
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
