"""The one root of errors, over the whole namespace: what is raised on purpose, and what is caught broadly."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.spec import errors

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("Refused", "Misuse", "Unavailable")
HOME = "eiraku.spec.errors"

# Exceptions that never leave the module or the suite that raises them, each with its reason.
PRIVATE = {
    "eiraku.conformance.adapter.selfcheck._Advice": "an item of the self-check ends with a warning",
    "eiraku.conformance.adapter.selfcheck._NotApplicable": "an item of the self-check does not apply",
    "eiraku.conformance.classify.NoRoom": "pytest reports it; the plugin makes an outcome of it",
    "eiraku.conformance.classify.NotAttempted": "pytest reports it; the plugin makes an outcome of it",
    "eiraku.conformance.differ.pairing.FreeChoice": "ends a session in which both are right",
    "eiraku.conformance.differ.runner._Failed": "kept for the report: neither wallet can be asked any more",
    "eiraku.conformance.lockstep.driver.Difference": "a failed assertion, with the requirement at stake",
    "eiraku.conformance.lockstep.peer.Wrong": "the driver makes a difference of it",
    "eiraku.conformance.lockstep.shadow._PowerLost": "ends what the shadow was doing, as a power cut does",
    "eiraku.conformance.watch.Violation": "a failed assertion, with the requirement that is violated",
    "eiraku.conformance.suite.handshake_states._Stopped": "stops a handshake where a check wants it",
    "eiraku.conformance.suite.journey.Lost": "a check looks for the message that was lost",
    "eiraku.conformance.suite.journey.PowerLost": "a check looks for the power cut that it ordered",
    "eiraku.conformance.suite.journey.Refused": "a check looks for the refusal that it provoked",
    "eiraku.conformance.suite.test_errors.Delivered": "stops a script once the message is delivered",
    "eiraku.conformance.tester.peer.HandshakeRefused": "a failed assertion, unless a check expects it",
    "eiraku.testing.faulty_store.PowerCut": "a power cut in a test must pass every handler",
    "eiraku.testing.patches.StalePatch": "a mutant that no longer fits what it changes is a failed assertion",
}

BROAD = {
    *("BaseException", "Exception", "ArithmeticError", "AttributeError", "IndexError", "KeyError"),
    *("LookupError", "OverflowError", "RuntimeError", "TypeError", "ValueError"),
}
BOUNDARY = "the boundary of a process: logged with its traceback"
LIBRARY = "around one call of a library alone"
THEIRS = "the vendor's code, whose every exception is the vendor's"
LATER = "kept for whoever asks for the result, who raises it again"
# (file, function): why it may catch one of BROAD and not raise it again.
MAY_CATCH = {
    ("conformance/src/eiraku/cli/main.py", "main"): BOUNDARY,
    ("conformance/src/eiraku/conformance/adapter/inprocess.py", "__init__"): THEIRS,
    ("conformance/src/eiraku/conformance/adapter/inprocess.py", "_serve"): BOUNDARY,
    ("conformance/src/eiraku/conformance/adapter/server.py", "answer"): BOUNDARY,
    ("conformance/src/eiraku/conformance/adapter/transports.py", "_open_object"): THEIRS,
    ("conformance/src/eiraku/conformance/interop/runner.py", "result"): "`classify` tells whose fault it is",
    ("conformance/src/eiraku/conformance/lockstep/drawing.py", "_outcome"): LATER,
    ("reference/src/eiraku/system/issuing/pools.py", "submit"): LATER,
    ("reference/src/eiraku/system/services/app.py", "__call__"): BOUNDARY,
    ("reference/src/eiraku/system/services/running.py", "_work"): BOUNDARY,
    ("conformance/src/eiraku/cli/operate/vault.py", "claim"): LIBRARY,
    ("conformance/src/eiraku/cli/options.py", "convert"): LIBRARY,
    ("conformance/src/eiraku/cli/study/simulate.py", "_limits"): LIBRARY,
    ("conformance/src/eiraku/conformance/adapter/transports.py", "parse_selector"): LIBRARY,
    ("conformance/src/eiraku/cli/judge/statement.py", "_against"): LIBRARY,
    ("conformance/src/eiraku/conformance/adapter/protocol.py", "parse_object"): LIBRARY,
    ("conformance/src/eiraku/conformance/results.py", "parse"): LIBRARY,
    ("conformance/src/eiraku/conformance/statement/content.py", "read"): LIBRARY,
    ("conformance/src/eiraku/conformance/statement/shard.py", "verify"): LIBRARY,
    ("conformance/src/eiraku/report/certify/json_report.py", "read"): LIBRARY,
    ("conformance/src/eiraku/conformance/statement/envelope.py", "read"): LIBRARY,
    ("conformance/src/eiraku/conformance/statement/inputs.py", "private_key"): LIBRARY,
    ("conformance/src/eiraku/conformance/statement/inputs.py", "public_key"): LIBRARY,
    ("conformance/src/eiraku/conformance/mutants/keys.py", "_plainly"): "edwards.decode has no other answer",
    ("conformance/src/eiraku/conformance/mutants/keys.py", "verifies_with_the_cofactor"): "likewise",
    ("models/src/eiraku/models/execute.py", "cluster"): LIBRARY,
    ("models/src/eiraku/models/prover.py", "_tree_memory"): "a process ends while its files are read",
    ("reference/src/eiraku/reference/anchor.py", "from_json"): LIBRARY,
    ("reference/src/eiraku/reference/purse/payer.py", "amount_of"): "the ledger says so of a unit it lacks",
    ("reference/src/eiraku/reference/settings.py", "_found"): LIBRARY,
    ("reference/src/eiraku/reference/settings.py", "parse"): LIBRARY,
    ("reference/src/eiraku/system/database.py", "_engine"): LIBRARY,
    ("reference/src/eiraku/system/database.py", "_owned"): LIBRARY,
    ("reference/src/eiraku/system/device/purses.py", "_certify"): LIBRARY,
    ("reference/src/eiraku/system/exchange/sessions.py", "label"): LIBRARY,
    ("reference/src/eiraku/system/issuing/evidence.py", "from_json"): LIBRARY,
    ("reference/src/eiraku/system/scheme/directory.py", "read_root"): LIBRARY,
    ("reference/src/eiraku/system/services/app.py", "_loopback"): LIBRARY,
    ("reference/src/eiraku/system/services/client.py", "_refused"): LIBRARY,
    ("reference/src/eiraku/system/services/limits.py", "client_key"): LIBRARY,
    ("reference/src/eiraku/system/services/notes.py", "read"): LIBRARY,
    ("reference/src/eiraku/system/wholesale/written.py", "_octets"): LIBRARY,
    ("reference/src/eiraku/system/wholesale/written.py", "members"): LIBRARY,
}


def sources() -> dict[str, tuple[str, ast.Module]]:
    """File and tree of every module of the namespace, by its dotted name."""
    found = {}
    for root in ("spec", "reference", "models", "conformance"):
        for path in sorted((ROOT / root / "src").rglob("*.py")):
            parts = path.relative_to(ROOT / root / "src").with_suffix("").parts
            if "skeletons" in parts:
                continue  # the vendor's, once it is begun
            name = ".".join(part for part in parts if part != "__init__")
            found[name] = str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))
    return found


SOURCES = sources()


def imported(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names


def classes() -> dict[str, list[str]]:
    """Bases of every class of ours, dotted; those of Python and of libraries as they are written."""
    found: dict[str, list[str]] = {}
    for module, (_, tree) in SOURCES.items():
        names = imported(tree)
        names |= {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = (ast.unparse(base).partition("[")[0].partition(".") for base in node.bases)
                found[f"{module}.{node.name}"] = [
                    names.get(head, head) + dot + rest for head, dot, rest in bases
                ]
    return found


CLASSES = classes()


def ancestors(name: str) -> set[str]:
    """Every class above, dotted."""
    direct = CLASSES.get(name, [])
    return set(direct).union(*(ancestors(base) for base in direct))


def is_exception(name: str) -> bool:
    """Whether Python can raise it."""
    above = (getattr(builtins, base, None) for base in ancestors(name))
    return any(isinstance(base, type) and issubclass(base, BaseException) for base in above)


def test_every_exception_is_of_one_kind_or_private() -> None:
    tree = {f"{HOME}.{name}" for name in ("EirakuError", *KINDS)}
    raised = {name for name in CLASSES if is_exception(name)} - tree
    assert len(raised) > len(PRIVATE)
    kinds = {name: [kind for kind in KINDS if f"{HOME}.{kind}" in ancestors(name)] for name in raised}
    assert {name for name, of in kinds.items() if not of} == set(PRIVATE), "add a kind, or a reason"
    assert {name: of for name, of in kinds.items() if len(of) > 1} == {}


def test_the_root_has_exactly_three_kinds() -> None:
    assert {name for name, bases in CLASSES.items() if f"{HOME}.EirakuError" in bases} == {
        f"{HOME}.{kind}" for kind in KINDS
    }
    assert errors.EirakuError.__bases__ == (Exception,)


def test_nothing_raises_the_root() -> None:
    for file, tree in SOURCES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                assert not ast.unparse(node.exc).startswith("EirakuError"), f"{file}:{node.lineno}"


def names(node: ast.AST) -> set[str]:
    """Every name in an expression."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def catches_broadly(node: ast.AST) -> bool:
    """Whether it catches one of BROAD, or anything at all, and goes on."""
    if isinstance(node, ast.ExceptHandler):
        last = node.body[-1]
        goes_on = not (isinstance(last, ast.Raise) and last.exc is None)
        return goes_on and (node.type is None or bool(BROAD & names(node.type)))
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(BROAD & names(argument) for argument in node.args)
    return False


def broad(node: ast.AST, inside: str = "") -> Iterator[str]:
    """The function around everything that catches broadly."""
    for child in ast.iter_child_nodes(node):
        if catches_broadly(child):
            yield inside
        name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else inside
        yield from broad(child, name)


def test_nothing_else_is_caught_broadly() -> None:
    found = {(file, function) for file, tree in SOURCES.values() for function in broad(tree)}
    advice = "it would take a defect of ours for a mistake of theirs; wrap the library's call alone"
    assert found - MAY_CATCH.keys() == set(), advice
    assert MAY_CATCH.keys() - found == set(), "no longer needed"


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("try:\n f()\nexcept ValueError:\n g()", True),
        ("try:\n f()\nexcept:\n g()", True),
        ("try:\n f()\nexcept (OSError, KeyError) as e:\n raise Refused() from e", True),
        ("with contextlib.suppress(LookupError):\n f()", True),
        ("try:\n f()\nexcept BaseException:\n g()\n raise", False),
        ("try:\n f()\nexcept OSError:\n g()", False),
    ),
)
def test_what_counts_as_broad(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert bool(list(broad(ast.parse(text)))) is expected
