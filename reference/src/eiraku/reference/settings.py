"""Settings as data: one reader for every TOML file that people write, and one error.

A file is a `Table`: a structure whose types say what may stand where. A name that is not one of its fields is
refused at every level, so that a misspelt or misplaced setting is never silently the default. Rules over
several fields are in `__post_init__`, which raises SettingsError with the field's place inside its own table.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, inspect

from eiraku.spec.errors import Refused

T = TypeVar("T")

Economy = Annotated[int, Meta(ge=1, le=65535)]
PositiveInt = Annotated[int, Meta(gt=0, le=10**9)]
PositiveFloat = Annotated[float, Meta(gt=0, le=1e9)]
Database = Annotated[str, Meta(min_length=1, description="a file name or a URL")]


class SettingsError(Refused, ValueError):  # msgspec takes a ValueError of __post_init__ as its own
    """Settings that cannot be used: which file, which value in it, and what belongs there.

    `field`: as `vaults[2].limit`; empty for the file as a whole.
    """

    def __init__(self, field: str, expected: str, file: str = "") -> None:
        super().__init__(": ".join(part for part in (file, field, f"expected {expected}") if part))
        self.field = field
        self.expected = expected
        self.file = file


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a file, or a whole one. Values given to the constructor are the caller's own: only the
    class methods check types and bounds.
    """

    FILE: ClassVar[str] = "settings"
    """What the file is called in messages about a text."""

    @classmethod
    def from_toml(cls, text: str, *, file: str = "") -> Self:
        """Read the text of a file. Raises SettingsError."""
        return parse(text, cls, file or cls.FILE)

    @classmethod
    def from_file(cls, path: Path, *, absent: str | None = None) -> Self:
        """Read a file; `absent`: the text to read if there is none. Raises SettingsError."""
        return parse(read(path, absent=absent), cls, str(path))

    @classmethod
    def from_mapping(cls, fields: object) -> Self:
        """Check what TOML or JSON gave. Raises SettingsError."""
        return convert(fields, cls, cls.FILE)

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` reads back."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    def changed(self, **changes: Any) -> Self:
        """With other values, checked again; a mapping changes the fields of a table that it names.

        Raises SettingsError.
        """
        return self.from_mapping(_merged(self.to_mapping(), changes))


def read(path: Path, *, absent: str | None = None) -> str:
    """The text of a file; `absent`: instead, if there is no such file. Raises SettingsError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if absent is not None and isinstance(error, FileNotFoundError):
            return absent
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError("", f"a text file that can be read ({said})", str(path)) from None


def parse(text: str, kind: type[T], file: str) -> T:
    """A text in TOML as a `kind`. `file`: its name, for messages. Raises SettingsError."""
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: an integer of thousands of digits is a plain ValueError.
        raise SettingsError("", f"TOML 1.0 ({error}); correct the line", file) from None
    return convert(found, kind, file)


def convert(found: object, kind: type[T], file: str) -> T:
    """What TOML or JSON gave, as a `kind`. `file`: its name, for messages. Raises SettingsError."""
    try:
        value: T = _converted(found, kind)
    except msgspec.ValidationError:
        fault = _fault(kind, found, "", kind)
    else:
        return value
    if fault is None:
        raise AssertionError(f"{file}: refused as a whole, but for none of its parts")
    raise SettingsError(fault.field, fault.expected, file)


def _converted(found: object, kind: Any) -> Any:
    # A date is one of TOML's own: a text that looks like one is none.
    return msgspec.convert(found, kind, builtin_types=(date,))


def _fault(kind: Any, value: Any, where: str, root: Any) -> SettingsError | None:
    """The first place, innermost first, where `value` is not of `kind`; None if it is."""
    for name, inner, content in _parts(kind, value):
        fault = _fault(inner, content, _join(where, name), root)
        if fault is not None:
            return fault
    try:
        _converted(value, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, SettingsError):
            return SettingsError(_join(where, error.__cause__.field), error.__cause__.expected)
        if _is_table(kind) and isinstance(value, dict):
            return _wrong_names(kind, value, where, root)
        return SettingsError(where, _words(kind) + _found(kind, value))
    return None


def _parts(kind: Any, value: Any) -> Iterator[tuple[object, Any, Any]]:
    """What a value is made of: the name or index of each part, what it should be, and what it is."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(value, dict) and _is_table(kind):
        fields = _fields(kind)
        yield from ((name, fields[name], value[name]) for name in fields if name in value)
    elif isinstance(value, dict) and get_origin(kind) is Mapping:
        names, inner = get_args(kind)
        yield from ((name, names, name) for name in value)
        yield from ((name, inner, content) for name, content in value.items())
    elif isinstance(value, list | tuple) and get_origin(kind) is tuple:
        yield from (([n], get_args(kind)[0], content) for n, content in enumerate(value))


def _wrong_names(kind: Any, value: dict[Any, Any], where: str, root: Any) -> SettingsError:
    """A table whose values are all right: one too many, or one too few."""
    names = list(_fields(kind))
    for name in value:
        if name not in names:
            expected = f"one of the names {', '.join(names)}"
            places = [place for place, table in _tables(root) if name in _fields(table)]
            nearest = get_close_matches(str(name), names, 1)
            if places:
                where_it_belongs = (f"under {place}" if place else "at the top" for place in places)
                expected += f"; {name} belongs {' or '.join(where_it_belongs)}"
            elif nearest:
                expected += f"; {nearest[0]} is the nearest"
            return SettingsError(_join(where, name), expected)
    required = [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
    missing = next(name for name in required if name not in value)
    return SettingsError(_join(where, missing), f"{_words(_fields(kind)[missing])}; it is missing")


def _tables(kind: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every table that a file may have, with its place."""
    if _is_table(kind):
        yield where, kind
        for name, inner in _fields(kind).items():
            yield from _tables(inner, _join(where, name))
    else:
        for inner in get_args(kind):
            yield from _tables(inner, where)


def _fields(kind: Any) -> dict[str, Any]:
    """The names of a table as they are written, and what belongs under each."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


def _words(kind: Any) -> str:
    """What belongs somewhere, in words."""
    info = inspect.type_info(kind)
    if isinstance(info, inspect.Metadata):
        if "description" in (info.extra_json_schema or {}):
            return str((info.extra_json_schema or {})["description"]).rstrip(".")
        info = info.type
    match info:
        case inspect.IntType():
            return f"an integer{_bounds(info)}"
        case inspect.FloatType():
            return f"a number{_bounds(info)}"
        case inspect.StrType():
            return f"text of {info.min_length} to {info.max_length} characters" if info.max_length else "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.DateType():
            return "a date such as 2026-11-20"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, info.values))}"
        case inspect.VarTupleType():
            return f"a list{' of at least one' if info.min_length else ''}, each {_words(_item(kind))}"
    return "a table"


def _item(kind: Any) -> Any:
    inner = get_args(kind)[0]
    return get_args(inner)[0] if get_origin(kind) is Annotated else inner


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.le is None:
        return "" if info.ge is None else f" from {info.ge}"
    if info.gt is not None:
        return f" above {info.gt:g}, at most {info.le:g}"
    number = "d" if isinstance(info, inspect.IntType) else "g"
    return f" from {info.ge:{number}} to {info.le:{number}}"


def _found(kind: Any, value: object) -> str:
    """The value, if it is short and may be told."""
    secret = any(isinstance(meta, Meta) and (meta.extra or {}).get("secret") for meta in get_args(kind))
    if secret or isinstance(value, dict | list | tuple):
        return ""
    # Python refuses to write an integer of thousands of digits.
    with suppress(ValueError):
        text = repr(value)
        if len(text) <= 80:
            return f", found {text}"
    return ""


def _join(where: str, name: object) -> str:
    if isinstance(name, list):
        return f"{where}{name}"
    text = str(name) if re.fullmatch(r"[\w.\[\]-]+", str(name)) else repr(name)
    return f"{where}.{text}" if where else text


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **old,
        **{
            name: _merged(old[name], value)
            if isinstance(value, Mapping) and isinstance(old.get(name), dict)
            else value
            for name, value in new.items()
        },
    }


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
