"""Defaults of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import every
from zrtp.cli.__main__ import VERBS, main
from zrtp.cli.calls.agreeing import AgreeSettings
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import call, configuration
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.parser import Parser
from zrtp.cli.options.sound import Accept
from zrtp.cli.verbs import listen, proxy


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "zrtp").mkdir()
    return tmp_path / "zrtp" / "config.toml"


def settings(verb: str, *arguments: str) -> CallSettings:
    parser = Parser(prog=f"zrtp {verb}")
    call.add(parser, bind="any", answers=verb == "listen")
    configuration.apply(parser, verb, VERBS)
    return CallSettings.of(parser.parse_args(arguments))


def test_without_a_file_everything_is_as_it_was(file: Path) -> None:
    assert configuration.path() == file
    assert settings("call").wait is None


def test_values_hold_for_every_verb_or_for_one_and_the_command_line_wins(file: Path) -> None:
    file.write_text(
        """
        cache = "none"
        wait = 5
        agreement = ["x25519", "DH3k"]
        plain = true
        accept = "key"

        [listen]
        bind = "127.0.0.1:5006"
        accept = "known"
        wait = 7.5
        """
    )
    calling, listening = settings("call"), settings("listen", "--accept", "all")

    assert calling.config.key_agreements == (b"X255", b"DH3k")
    assert (calling.cache, calling.wait, calling.bind, calling.plain) == (None, 5.0, None, True)
    assert (listening.wait, listening.bind, listening.accept) == (7.5, ("127.0.0.1", 5006), Accept.ALL)


def test_what_is_named_on_the_command_line_goes_before_a_default_for_another_option(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('cache = "none"\nbind = "127.0.0.1:5006"\n')
    bound: list[object] = []

    def hold(settings: CallSettings, *_: object) -> int:
        bound.append(settings.bind)
        return 0

    def agree(settings: AgreeSettings, _: object) -> int:
        return hold(settings.call)

    monkeypatch.setattr(listen, "hold_call", hold)
    monkeypatch.setattr("zrtp.cli.verbs.agree.run_agree", agree)

    for place in (["127.0.0.1:5008"], [], ["--bind", "127.0.0.1:5010"]):
        assert main(["listen", *place]) == 0
        assert main(["agree", "--format", "sdes", "--listen", *place]) == 0
    assert bound == [("127.0.0.1", port) for port in (5008, 5008, 5006, 5006, 5010, 5010)]

    for verb in (["listen"], ["agree", "--format", "sdes", "--listen"]):
        assert main([*verb, "127.0.0.1:5008", "--bind", "127.0.0.1:5006"]) == 2, "even if the file says the same"
        assert "different addresses" in capsys.readouterr().err


def test_a_verb_with_subcommands_has_defaults_too(file: Path) -> None:
    file.write_text('cache = "none"\n[proxy]\nbind = "127.0.0.1:5006"\nagreement = "DH3k"\n')
    parser = Parser(prog="zrtp proxy")
    proxy.add_arguments(parser)
    configuration.apply(parser, "proxy", VERBS)

    for kind in (["rtp", "7000", "127.0.0.1:5004"], ["sip", "--upstream", "sip.example.org"]):
        seen = parser.parse_args(kind)
        assert (seen.cache, seen.bind, seen.agreement) == ("none", ("127.0.0.1", 5006), (b"DH3k",))


@every(
    ("name", "text", "meant"),
    [
        ("cache", "~/zrtp.db", "{home}/zrtp.db"),
        ("cache", "zrtp.db", "{folder}/zrtp.db"),
        ("cache", "/media/key/zrtp.db", "/media/key/zrtp.db"),
        ("cache", "none", "none"),
        ("cache", "sqlite:///var/zrtp.db", "sqlite:///var/zrtp.db"),
        ("cache-keys", "keys", "{folder}/keys"),
        ("cache-keys", "env:KEYS", "env:KEYS"),
        ("audio", "~/said.wav", "{home}/said.wav"),
        ("audio", "tone", "tone"),
        ("audio", "none", "{folder}/none"),
    ],
)
def test_a_file_is_the_same_one_wherever_the_command_runs(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, meant: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file.write_text(f'{name} = "{text}"\n')
    parser = Parser(prog="zrtp call")
    call.add(parser, bind="any")
    configuration.apply(parser, "call", VERBS)

    seen = getattr(parser.parse_args([]), name.replace("-", "_"))
    assert seen == meant.format(home=tmp_path / "home", folder=file.parent)


@pytest.mark.parametrize(
    ("content", "why", "hint"),
    [
        ("wait = ", "is not TOML: ", ""),
        ("wiat = 5", 'cannot have "wiat"', "did you mean wait?"),
        ('verify = "match"', 'cannot have "verify"', "it may have accept, agreement"),
        ("[listne]\nwait = 5", "cannot have [listne]", "did you mean [listen]?"),
        ("[bind]\nwait = 5", "cannot have [bind]", "it may have [demo], [listen], [call]"),
        ("[call]\nname = 'bob'", 'cannot have "name"', "it may have accept, agreement"),
        ("wait = 'soon'", "wait in the configuration {file} is wrong: 'soon' is not a number of seconds", ""),
        ("role = 'nobody'", "role in the configuration {file} is wrong: 'nobody' is not known", ""),
        ("plain = 'yes'", "plain in the configuration {file} is wrong: it is true or false", ""),
        ("wait = true", "wait in the configuration {file} is wrong: it is a text or a number", ""),
    ],
)
def test_what_is_wrong_in_it_is_a_usage_error(content: str, why: str, hint: str, file: Path) -> None:
    file.write_text(content)

    with pytest.raises(CommandError) as caught:
        settings("call")

    assert why.format(file=file) in str(caught.value)
    assert caught.value.hint.startswith(hint)
    assert caught.value.code is Exit.USAGE


def test_a_file_that_cannot_be_read_is_a_local_failure(file: Path) -> None:
    file.mkdir()

    with pytest.raises(CommandError, match="cannot be read: Is a directory") as caught:
        settings("call")
    assert caught.value.code is Exit.LOCAL


def test_options_that_a_verb_does_not_have_are_left_to_others(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("input = 'headset'\nplain = true\n")

    assert main(["bench", "x255", "--seconds", "1e-6"]) == 0


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "/home/alice/.config/zrtp/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": "/etc/alice"}, "/etc/alice/zrtp/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, "/home/alice/.config/zrtp/config.toml"),
        ("darwin", {}, "/home/alice/Library/Application Support/zrtp/config.toml"),
        ("win32", {}, "/home/alice/AppData/Roaming/zrtp/config.toml"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/zrtp/config.toml"),
    ],
)
def test_every_platform_has_its_own_place(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/alice"))

    assert configuration.path(platform, environment) == Path(expected)


def test_without_a_home_folder_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)

    assert configuration.shown_path() == "nowhere: there is no home folder"


def test_the_path_stands_in_the_help(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["call", "--help"]):
        assert main(arguments) == 0
        assert str(file) in capsys.readouterr().out
