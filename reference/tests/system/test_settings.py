"""Every settings file: what ships is read; what is misspelt, misplaced or out of range is refused."""

import copy
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from eiraku.reference import policy as policies
from eiraku.reference.policy import Policy
from eiraku.reference.settings import SettingsError
from eiraku.system.economy.scenario import Scenario
from eiraku.system.scheme import settings as centre
from eiraku.system.services import settings as services
from eiraku.system.vault import policy as vault
from eiraku.system.wholesale.basket import Basket

pytestmark = pytest.mark.slow


def _resource(package: str, name: str) -> str:
    return (resources.files(package) / name).read_text(encoding="utf-8")


def _chapter_15() -> str:
    chapter = (Path(__file__).parents[3] / "spec" / "15-wholesale.md").read_text(encoding="utf-8")
    return chapter.partition("```toml\n")[2].partition("```")[0]


class File(NamedTuple):
    read: Callable[[str], Any]
    check: Callable[[object], Any]
    kind: Any
    text: str


FILES = {
    "policy": File(
        Policy.from_toml,
        Policy.from_mapping,
        policies._PolicyForm,
        _resource("eiraku.reference", "default_policy.toml"),
    ),
    "vault": File(
        vault.VaultPolicy.from_toml, vault.VaultPolicy.from_mapping, vault.VaultPolicy, vault.DEFAULT
    ),
    "centre": File(
        centre.Settings.from_toml,
        centre.Settings.from_mapping,
        centre.Settings,
        centre.DEFAULT.to_toml(),
    ),
    "services": File(
        services.Settings.from_toml,
        services.Settings.from_mapping,
        services.Settings,
        f"{services.DEFAULT}alice = 392\n",
    ),
    "scenario": File(
        Scenario.from_toml,
        Scenario.from_mapping,
        Scenario,
        _resource("eiraku.system.economy", "scenario.toml"),
    ),
    "basket": File(Basket.from_toml, Basket.from_mapping, Basket, _chapter_15()),
}
EACH = pytest.mark.parametrize("file", FILES.values(), ids=FILES)
Path_ = tuple[str | int, ...]


def places(kind: Any, value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any, Any]]:
    """Every place of a document, with what belongs there and what is there."""
    yield path, kind, value
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        for name, inner in get_type_hints(plain, include_extras=True).items():
            if name in value:
                yield from places(inner, value[name], (*path, name))
    elif get_origin(plain) is Mapping:
        for name in value:
            yield from places(get_args(plain)[1], value[name], (*path, name))
    elif get_origin(plain) is tuple:
        for n, each in enumerate(value):
            yield from places(get_args(plain)[0], each, (*path, n))


def everywhere(file: File) -> list[tuple[Path_, Any, Any]]:
    return list(places(file.kind, tomllib.loads(file.text)))


def put(file: File, path: Path_, value: Any) -> dict[str, Any]:
    document: Any = copy.deepcopy(tomllib.loads(file.text))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(document)


def written(path: Path_) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def refused(file: File, document: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        file.check(document)
    assert f"{caught.value.field}: expected {caught.value.expected}" in str(caught.value)
    return caught.value


@EACH
def test_what_ships_is_read(file: File) -> None:
    assert file.read(file.text) is not None
    document = tomllib.loads(file.text)
    absent = sorted({name for name in file.kind.__struct_fields__ if name not in document})
    assert absent == [], "the test wants a text with everything that may be written"


@EACH
def test_an_unknown_name_is_refused_in_every_table(file: File) -> None:
    tables = [(path, value) for path, _, value in everywhere(file) if isinstance(value, dict)]
    assert len(tables) > 1
    for path, value in tables:
        for name in ("typo_", "purse_lifetim"):
            for content in (1, {"purse_lifetime": 1}):
                document = {**value, name: content} if not path else put(file, (*path, name), content)
                assert refused(file, document).field == written((*path, name))


@EACH
def test_a_setting_of_another_table_is_refused(file: File) -> None:
    tables = [
        (path, kind, value)
        for path, kind, value in everywhere(file)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    ]
    for path, kind, _ in tables:
        for other, _, from_there in tables:
            for name, content in from_there.items():
                if name not in kind.__struct_fields__:
                    found = refused(file, put(file, (*path, name), content))
                    assert found.field == written((*path, name))
                    at = [step for step in other if isinstance(step, str)]
                    _, _, said = found.expected.partition(f"; {name} belongs ")
                    assert ("under " + ".".join(at) if at else "at the top") in said.split(" or ")


@EACH
def test_a_value_out_of_range_is_refused(file: File) -> None:
    tried = 0
    for path, kind, _ in everywhere(file):
        info = inspect.type_info(kind)
        if isinstance(info, inspect.IntType | inspect.FloatType):
            low, high = info.gt if info.ge is None else info.ge - 1, info.le
            assert low is not None
            assert high is not None
            for value in (low, high + 1, -(2**70), 2**70):
                found = refused(file, put(file, path, value))
                assert found.field == written(path)
                assert found.expected.startswith(("an integer ", "a number "))
                assert found.expected.endswith(f"found {value!r}")
                tried += 1
    assert tried or file.kind is Basket


WRONG = {
    inspect.IntType: ("1", True, 1.0, [1], {"a": 1}, date(2026, 1, 1)),
    inspect.FloatType: ("1", True, float("nan"), float("inf"), [1.0], {}, date(2026, 1, 1)),
    inspect.StrType: ("", 1, False, 1.5, ["a"], {"a": 1}, date(2026, 1, 1)),
    inspect.BoolType: ("true", 0, 1, 1.0, [True], {}, date(2026, 1, 1)),
    inspect.DateType: ("2026-01-01", 20260101, True, [date(2026, 1, 1)], {}),
    inspect.VarTupleType: ("a", 1, True, 1.5, {"a": 1}, date(2026, 1, 1)),
    inspect.DictType: ("a", 1, True, 1.5, [1], date(2026, 1, 1)),
    inspect.StructType: ("a", 1, True, 1.5, [1], date(2026, 1, 1)),
    inspect.LiteralType: ("bank", 1, True, 1.5, [1], {}, date(2026, 1, 1)),
}


@EACH
def test_a_value_of_another_type_is_refused(file: File) -> None:
    for path, kind, _ in everywhere(file)[1:]:
        info = inspect.type_info(kind)
        while isinstance(info, inspect.Metadata):
            info = info.type
        for value in WRONG[type(info)]:
            assert refused(file, put(file, path, value)).field == written(path)
    documents: tuple[object, ...] = (None, "a", 1, True, [], {1: 2})
    for document in documents:
        assert refused(file, document) is not None


@EACH
def test_what_is_required_may_not_be_missing(file: File) -> None:
    for path, kind, value in everywhere(file):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            for field in msgspec.structs.fields(kind):
                rest = {name: content for name, content in value.items() if name != field.name}
                document = put(file, path, rest) if path else rest
                if field.required:
                    found = refused(file, document)
                    assert found.field == written((*path, field.name))
                    assert found.expected.endswith("; it is missing")


def test_the_nearest_name_is_named() -> None:
    text = vault.DEFAULT.replace("expiry_margin", "expiry_margins")
    with pytest.raises(SettingsError, match=r"expiry_margins: expected .*; expiry_margin is the nearest"):
        vault.VaultPolicy.from_toml(text)


@pytest.mark.parametrize(
    ("end", "said"),
    (
        ("[typo]\npurse_lifetime = 1\n", r"^centre\.toml: typo: expected one of the names economies, "),
        ("purse_lifetime = 1\n", r"issuing_centre\.purse_lifetime: .*; purse_lifetime belongs at the top$"),
        ("[device_centre.more]\n", r"device_centre\.more: expected one of the names database"),
    ),
)
def test_a_table_at_the_end_changes_nothing_silently(end: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        centre.Settings.from_toml(centre.DEFAULT.to_toml() + end)


@pytest.mark.parametrize(
    "text",
    (
        "a = 1" + "0" * 5000,
        "people = 0x1" + "0" * 5000,
        "a = " + "[" * 5000,
        "a = " + "{a = " * 5000,
        "a." * 5000 + "a = 1",
        '"a` - at `$.policy" = 1',
        '"" = 1',
        '"\\u0000\\n\\u001b" = 1',
        "a = 1\na = 2",
        "a = 0001-01-01T00:00:00-23:59",
        "\ufeff",
        "\r",
        "\x00",
    ),
    ids=range(13),
)
@EACH
def test_texts_that_are_meant_to_break_a_reader(file: File, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        file.read(text)
    assert str(caught.value).isprintable()


def _names() -> list[str]:
    found: set[str] = set()
    for file in FILES.values():
        for path, _, _ in everywhere(file):
            found |= {step for step in path if isinstance(step, str)}
    return sorted(found)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 9)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.sampled_from(["person", "USD", "0.5", "alice"])
)
NAMES = st.sampled_from(_names()) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)


@EACH
@given(data=st.data())
def test_nothing_but_a_settings_error(file: File, data: st.DataObject) -> None:
    """Whole documents, and what ships with one thing changed."""
    path = data.draw(st.sampled_from([path for path, _, _ in everywhere(file)]))
    value = data.draw(VALUES)
    try:
        file.check(put(file, path, value) if path else value)
    except SettingsError as error:
        assert error.expected  # noqa: PT017 - most documents are refused, some are not


@EACH
@given(data=st.data())
def test_no_text_is_anything_but_refused_or_read(file: File, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(file.text)))
    end = data.draw(st.integers(begin, min(len(file.text), begin + 40)))
    text = data.draw(st.text(max_size=20) | st.sampled_from(["[", "]", "=", '"', "\n", "[[a]]\n", "[a]\n"]))
    try:
        file.read(file.text[:begin] + text + file.text[end:])
    except SettingsError as error:
        assert error.expected  # noqa: PT017 - some changes are in comments


@EACH
def test_files_are_named(file: File, tmp_path: Path) -> None:
    kind = Policy if file.kind is policies._PolicyForm else file.kind
    path = tmp_path / "mine.toml"
    path.write_text(file.text, encoding="utf-8")
    assert kind.from_file(path) == file.read(file.text)
    path.write_text("colour = 1\n" + file.text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mine\.toml: colour: expected one of the names "):
        kind.from_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"mine\.toml: expected a text file that can be read \(not UTF-8"):
        kind.from_file(path)
    with pytest.raises(SettingsError, match=r"none\.toml: expected a text file that can be read"):
        kind.from_file(tmp_path / "none.toml")
