"""The rooms of the house: who may import whom, who may touch the world, and how secrets are compared."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import zrtp
from tests.support.cases import every
from zrtp import errors
from zrtp.secret import Secret

PACKAGE = Path(zrtp.__file__).parent

LAYERS = {
    "": 0,  # errors, door, secret, system
    "wire": 1,
    "crypto": 1,
    "cache": 1,
    "protocol": 2,
    "media": 3,
    "stores": 3,
    "inspection": 4,
    "proxy": 4,
    "reach": 4,
    "cli": 5,
}
"""Folder -> storey. Imports point down; the folders of one storey do not know each other."""

NAMES_OF = {"__init__": "cli", "__main__": "cli", "events": "protocol"}
"""Modules beside the folders that only have names of one: whoever imports them imports that folder."""

MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
BELOW_MEDIA = [path for path in MODULES if LAYERS.get(path.relative_to(PACKAGE).parts[0], 0) < LAYERS["media"]]

RANDOMNESS = {"random", "secrets", "uuid"}
EDGES_OF_THE_WORLD = {"asyncio", "socket", "time", "threading", "select", "subprocess"} | RANDOMNESS


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def folder_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@cache
def source_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(source_of(path))


@pytest.fixture(scope="module", autouse=True)
def the_garbage_collector_sees_no_trees() -> Iterator[None]:
    """They are most of the objects in this process: it would look at them as they grow, and then to the end."""
    gc.disable()
    yield
    tree_of.cache_clear()
    gc.enable()


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The full names of all imported modules, wherever in the module the import stands."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in statements_of(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def statements_of(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node, without a look at their expressions."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, block, [])
        for statement in inner if isinstance(inner, list) else ():
            yield statement
            yield from statements_of(statement)


def target_folder(module: str) -> str | None:
    """The folder of this package that a module is in; None for other packages."""
    parts = module.split(".")
    if parts[0] != "zrtp":
        return None
    if len(parts) > 1:
        return parts[1] if parts[1] in LAYERS else NAMES_OF.get(parts[1], "")
    return ""


def test_every_folder_has_its_storey() -> None:
    assert {folder_of(path) for path in MODULES} == set(LAYERS)


@every(
    ("module", "folder"),
    [
        ("zrtp.wire.messages", "wire"),
        ("zrtp.secret.Secret", ""),
        ("zrtp.events", "protocol"),
        ("zrtp.events.Mode", "protocol"),
        ("hashlib", None),
    ],
)
def test_an_import_is_of_the_folder_whose_names_it_brings(module: str, folder: str | None) -> None:
    assert target_folder(module) == folder


@every("path", MODULES, ids=name_of)
def test_imports_point_down_only(path: Path) -> None:
    if path.parent == PACKAGE and path.stem in NAMES_OF:
        return  # the public names, and the command
    own = folder_of(path)
    for module in imports(path):
        folder = target_folder(module)
        if folder is None or folder == own:
            continue
        if module == "zrtp" or module == "zrtp.__version__":
            assert own == "cli", f"{name_of(path)} imports the package itself"
            continue
        assert LAYERS[folder] < LAYERS[own], f"{name_of(path)} imports {module}"


def test_only_the_wire_knows_construct() -> None:
    users = {path for path in MODULES if any(module.split(".")[0] == "construct" for module in imports(path))}
    assert {folder_of(path) for path in users} == {"wire"}


def test_only_crypto_and_srtp_know_cryptography() -> None:
    """Whoever else seals something, a store or people who exchange a code, does it through `zrtp.crypto`."""
    users = {
        name_of(path) for path in MODULES if any(module.split(".")[0] == "cryptography" for module in imports(path))
    }
    allowed = re.compile(r"crypto/.*|media/srtp/.*")
    assert [user for user in users if not allowed.fullmatch(user)] == []


@every("path", BELOW_MEDIA, ids=name_of)
def test_below_the_media_nobody_knows_the_time_the_network_or_a_source_of_randomness(path: Path) -> None:
    if name_of(path) == "system.py":
        return
    assert {module.split(".")[0] for module in imports(path)} & EDGES_OF_THE_WORLD == set()


@every("path", MODULES, ids=name_of)
def test_nobody_has_a_source_of_randomness_of_its_own(path: Path) -> None:
    """It comes in as an argument; the default is that of `zrtp.system`."""
    if name_of(path) == "system.py":
        return
    allowed = {"random"} if name_of(path) == "cli/calls/impairment.py" else set()  # a bad network, made by its seed
    used = {module.split(".")[0] for module in imports(path)} & RANDOMNESS
    assert used - allowed == set()
    assert re.search(r"\burandom\b|\bgetrandom\b|\bSystemRandom\b|\bRAND_bytes\b", source_of(path)) is None


def test_the_engine_has_no_files_no_database_and_no_event_loop() -> None:
    for path in MODULES:
        if folder_of(path) in ("protocol", "wire", "crypto"):
            used = {module.split(".")[0] for module in imports(path)}
            assert not used & {"asyncio", "sqlite3", "os", "io", "pathlib", "tempfile", "sys", "signal"}, name_of(path)
            assert not re.search(r"\bopen\(", _code(path).replace(".open(", "")), name_of(path)


def _code(path: Path) -> str:
    """The source without comments and docstrings of its own module, as far as `open(` is concerned."""
    tree = tree_of(path)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return " ".join(f"{call.id}(" for call in calls if isinstance(call, ast.Name))


def test_loading_the_core_loads_nothing_but_cryptography() -> None:
    allowed = {"cryptography", "zrtp"}
    hard = set()
    for path in MODULES:
        if folder_of(path) in ("media", "stores", "cli", "proxy", "reach"):
            continue
        tree = tree_of(path)
        for node in tree.body:
            if isinstance(node, ast.Import):
                hard |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                hard.add((node.module or "").split(".")[0])
    assert hard - allowed - set(sys.stdlib_module_names) == set()


# Errors


def test_the_error_tree_in_the_docstring_is_the_real_one() -> None:
    """Every class with its parent, by indentation."""
    tree = (errors.__doc__ or "").split("::", 1)[1]
    shown: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in tree.splitlines():
        found = re.match(r"( +)([A-Z]\w+)", line)
        if found is None:
            continue
        depth, name = len(found[1]), found[2]
        while stack and stack[-1][0] >= depth:
            stack.pop()
        shown[name] = stack[-1][1] if stack else "Exception"
        stack.append((depth, name))
    real = {
        name: value.__bases__[0].__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert shown == real


def test_every_exception_that_can_leave_the_package_is_a_zrtp_error() -> None:
    """The file layer of the cache has two of its own, which it turns into CacheError."""
    strangers = []
    for path in MODULES:
        if name_of(path) == "__main__.py" or folder_of(path) == "cli" or name_of(path) == "cache/schema.py":
            continue
        module = import_module("zrtp." + name_of(path)[:-3].replace("/", ".").removesuffix(".__init__"))
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.__name__:
                strangers += [name] if not issubclass(value, errors.ZrtpError) else []
    assert strangers == []


# Comparisons

SECRET = re.compile(
    r"(?:\w+_)?(?:mac|hvi|h[0-3]|pv|digest)|(?:rs1|rs2|aux|pbx|aux_secret|pbx_secret|key)_id|endpoint_hash|hello_hash"
)
"""Names of values whose comparison must not tell by its duration how much of them was right."""


def names_in(node: ast.expr) -> Iterator[str]:
    """The names that an operand of a comparison is known by."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Subscript):
        yield from names_in(node.value)
    elif isinstance(node, ast.Call):
        yield from names_in(node.func)


def open_comparisons(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        for operator, right in zip(node.ops, node.comparators, strict=True):
            operands = (node.left, right)
            if not isinstance(operator, ast.Eq | ast.NotEq) or any(isinstance(each, ast.Constant) for each in operands):
                continue
            for name in (name for operand in operands for name in names_in(operand)):
                if SECRET.fullmatch(name):
                    yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.attack("SID-01")
@pytest.mark.attack("CHN-15")
@every("path", [path for path in MODULES if folder_of(path) in ("protocol", "crypto", "media", "reach")], ids=name_of)
def test_what_must_not_leak_is_compared_in_constant_time(path: Path) -> None:
    """`compare_digest`, never `==`: public values of which nobody learns anything are named otherwise or listed."""
    public = {
        # public values, compared with our own one: nothing in them is secret
        "crypto/key_agreements/diffie_hellman.py": {"pv == other"},
        "crypto/key_agreements/elliptic.py": {"pv[:self.result_length] == other[:self.result_length]"},
        "crypto/key_agreements/montgomery.py": {
            "pv[:-1] == other[:-1]",
            "pv[-1] & mask == other[-1] & mask",
        },
    }
    found = [line for line in open_comparisons(tree_of(path))]
    allowed = public.get(name_of(path), set())
    assert [line for line in found if line.split(": ", 1)[1] not in allowed] == []


@every(
    ("source", "found"),
    [
        ("expected == message.confirm_mac", True),
        ("commit.hvi != computed", True),
        ("h1 == sha256(h0)", True),
        ("known.rs1_id == received[0]", True),
        ("message.mac[:8] == mac(key)", True),
        ("hmac.compare_digest(message.mac, mac)", False),
        ("self.message_id == 0", False),
        ("commit.zid != hello.zid", False),
    ],
)
def test_the_lint_sees_what_it_should(source: str, found: bool) -> None:
    assert bool(list(open_comparisons(ast.parse(source)))) == found


def test_no_secret_type_can_be_compared_in_any_other_way() -> None:
    assert "compare_digest" in (PACKAGE / "secret.py").read_text(encoding="utf-8")
    assert Secret.__hash__ is None
    assert (Secret(b"a") == b"a") is False


# Style


@every("path", MODULES, ids=name_of)
def test_every_module_says_why_it_exists_and_leaves_nothing_to_do(path: Path) -> None:
    source = source_of(path)
    if source.strip():
        assert ast.get_docstring(tree_of(path)), name_of(path)
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", source)
    assert not re.search(r"\btests[/.]\w|\btest_\w+\.py\b", source), "whoever has installed the package has no tests"


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end, without what only documents an attribute."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    notes = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
    return lines - sum((note.end_lineno or 0) - note.lineno + 1 for note in notes)


@every("path", MODULES, ids=name_of)
def test_no_function_is_longer_than_a_screen_and_one_handler_is_one_transition(path: Path) -> None:
    longest = 40 if folder_of(path) == "protocol" else 70
    functions = [
        node for node in statements_of(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [f"{each.name}: {lines_of(each)} lines" for each in functions if lines_of(each) > longest] == []


WRITERS = {
    ("self.state", "core.py", "__init__"),
    ("self.state", "core.py", "enter"),
    ("core.state", "aside.py", "set_aside"),
    ("core.state", "aside.py", "_load"),
    ("core.state", "initiation.py", "_commit_beside"),
    ("self.sending", "core.py", "__init__"),
    ("self.sending", "core.py", "set_sending"),
    ("self.sending", "core.py", "open_gate"),
}
"""Who changes the state of a stream, and its gate for media. An exchange that begins beside others begins in DISCOVERED
and goes on where its Commit leads; `_load` takes up one that waited, with the state that it is in.
"""

ENDS_IN = {
    "State.SECURE": {"secure", "on_srtp_when_secure", "on_going_clear", "on_sas_relay", "on_relay_ack"},
    "State.CLEAR": {"on_clear_ack", "on_clear_agreed"},
}
"""Which functions of the engine may say that a handler ends there: they have the evidence, or were there before."""


def test_states_and_the_gate_for_media_change_where_the_table_leads_and_nowhere_else() -> None:
    writers, ends = set(), {name: set[str]() for name in ENDS_IN}
    for path in MODULES:
        if folder_of(path) != "protocol" or path.name in ("states.py", "transitions.py"):
            continue
        for function in ast.walk(tree_of(path)):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    if node.attr in ("state", "sending"):
                        writers.add((ast.unparse(node), path.name, function.name))
                elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) in ends:
                    ends[ast.unparse(node.value)].add(function.name)
    assert writers == WRITERS
    assert ends == ENDS_IN


def test_nothing_in_the_engine_goes_round_in_a_circle() -> None:
    """Imports for types alone, and inside of functions, count."""
    engine = {f"zrtp.protocol.{path.stem}": path for path in MODULES if folder_of(path) == "protocol"}
    order = TopologicalSorter({name: set(imports(path)) & set(engine) for name, path in engine.items()})
    assert len(list(order.static_order())) == len(engine)


# Names


def types_in(path: Path) -> Iterator[str]:
    """Classes, wherever they stand, and the names that a module gives to types."""
    tree = tree_of(path)
    yield from (node.name for node in statements_of(tree) if isinstance(node, ast.ClassDef))
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and re.fullmatch(r"_?[A-Z]+[a-z]\w*", target.id):
                yield target.id


def test_a_type_has_a_name_of_its_own() -> None:
    """Whoever reads `Kind`, or searches for it, finds one thing. What two modules need is imported."""
    homes = defaultdict(list)
    for path in MODULES:
        for name in types_in(path):
            homes[name].append(name_of(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


# Tests

TESTS = Path(__file__).parent

MAY_LOOK_INSIDE = re.compile(r"security/.*|support/inside\.py")

NAMESAKES = {
    ("hosts/programs/aiortc_phone.py", "self.transport._send"),  # of aiortc
    ("media/srtp/test_srtp.py", "source.history._used"),  # of the list of replayed packets
}
"""What has the name of a private part of the engine, and is another thing."""


OF_SOMETHING_ELSE = re.compile(r"(?<!\bself)(?<!\bcls)\.(_\w+)")
OF_THE_ENGINE = re.compile(r"^from zrtp\.protocol[\w.]* import (\([^)]*\)|.*)", re.MULTILINE)
"""Where the text of a test may use a private name of another object, or import one."""


def private_names(path: Path) -> set[str]:
    """Functions, methods and attributes of a module that begin with one underscore."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def reached(path: Path, private: set[str]) -> Iterator[str]:
    """Where a test uses one of these names of something else than itself."""
    source = source_of(path)
    imported = " ".join(OF_THE_ENGINE.findall(source))
    if private.isdisjoint(OF_SOMETHING_ELSE.findall(source)) and private.isdisjoint(re.findall(r"\b_\w+", imported)):
        return  # most of them: no need to take them apart
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and node.attr in private:
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zrtp.protocol"):
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))


def test_no_test_reaches_into_the_engine_but_those_that_attack_it() -> None:
    """What a test wants to see of a step inside stands in `tests.support.inside`, once."""
    private = set().union(*(private_names(path) for path in MODULES if folder_of(path) == "protocol"))
    assert {"_core", "_driver", "_half_open", "_used"} <= private
    found = [
        f"{name}: {use}"
        for path in sorted(TESTS.rglob("*.py"))
        if not MAY_LOOK_INSIDE.fullmatch(name := path.relative_to(TESTS).as_posix())
        for use in reached(path, private)
        if (name, use) not in NAMESAKES
    ]
    assert found == []
