"""Reads TOML and JSON into frozen dataclasses: the dataclass is the schema, and every mistake is told in one way.

A message names the file, the place in it, what was expected and what was found. A field of a dataclass may
stand under another key, `field(metadata={"key": ...})`; what fields say together is checked in `__post_init__`, which
raises a `SpecError` with the name of one.
"""

import dataclasses
import functools
import json
import operator
import re
import sys
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

_Kind = TypeVar("_Kind")
_LONGEST = 200  # characters of a value in a message


class FileError(ValueError):
    """A file that cannot be read as what it should be; the message says where it is wrong."""


class SpecError(ValueError):
    """A value is unknown, missing, of the wrong type or out of range."""

    def __init__(self, key: str, expected: str, found: object) -> None:
        shown = repr(found)
        shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
        super().__init__(f"{key or 'the top level'}: expected {expected}, found {shown}")
        self.key, self.expected, self.found = key, expected, found

    def below(self, parent: str) -> "SpecError":
        """The same error with `parent` in front of its key."""
        return SpecError(_join(parent, self.key) if self.key else parent, self.expected, self.found)


class _Words(str):
    """What was found, in words instead of as a value."""

    __slots__ = ()
    __repr__ = str.__str__


MISSING, UNKNOWN = _Words("nothing (the key is missing)"), _Words("an unknown key")


@dataclasses.dataclass(frozen=True)
class Bound:
    """Annotation of a number, or of a list of numbers: what it must hold against `bound`, and that in words."""

    words: str
    holds: Callable[[Any, Any], bool]
    bound: float


Minimum = functools.partial(Bound, "at least", operator.ge)
Maximum = functools.partial(Bound, "at most", operator.le)
Above = functools.partial(Bound, "more than", operator.gt)
Below = functools.partial(Bound, "a number below", operator.lt)


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Annotation of a text: the regular expression that it must match, and that in words."""

    expression: str
    words: str


def parse(kind: type[_Kind], raw: Any, place: str = "", /, **given: Any) -> _Kind:
    """Read `raw` as `kind`.

    A dataclass, a number, a text, a Literal, a tuple, a Mapping, a union of dataclasses that are told apart by a
    Literal field with one value, or one of these or None; numbers and texts may be Annotated with bounds and patterns.
    A list may be read as a NamedTuple. In a Mapping to dataclasses that have a field `name`, this is the key.

    Args:
        kind: What is expected.
        raw: What was read.
        place: Dotted key of `raw`, for messages.
        given: Fields of a dataclass that do not stand in `raw`.

    Raises:
        SpecError: if anything in `raw` does not fit.
    """
    found: _Kind = _table(kind, raw, place, given) if given else _value(kind, raw, place)
    return found


def read(
    path: Path, kind: type[_Kind], error: type[Exception] = FileError, /, *, where: str = "", **given: Any
) -> _Kind:
    """Read a file, TOML or JSON, as `kind`.

    Args:
        path: The file; it is JSON unless it ends in `.toml`.
        kind: As for `parse`, as is `given`.
        error: Raised where something does not fit.
        where: What messages call the file, if not by its path.
        given: Fields that do not stand in the file.
    """
    where = where or str(path)
    language, loads = ("TOML", tomllib.loads) if path.suffix == ".toml" else ("JSON", json.loads)
    try:
        return parse(kind, loads(path.read_text(encoding="utf-8")), **given)
    except OSError as reason:
        raise error(f"{where}: cannot be read: {reason.strerror}.") from reason
    except SpecError as reason:
        raise error(f"{where}: {reason}.") from reason
    except (ValueError, RecursionError) as reason:
        raise error(f"{where}: is not {language}: {reason}.") from reason


def plain(value: Any) -> dict[str, Any]:
    """What `parse` reads as the same dataclass again; fields that are None are left out."""
    return dataclasses.asdict(value, dict_factory=lambda items: {name: one for name, one in items if one is not None})


_hints = functools.cache(functools.partial(typing.get_type_hints, include_extras=True))


def _table(kind: Any, raw: Any, place: str, given: Mapping[str, Any]) -> Any:
    if not isinstance(raw, Mapping):
        raise SpecError(place, "a table", raw)
    fields = {item.metadata.get("key", item.name): item for item in dataclasses.fields(kind) if item.name not in given}
    for name in raw:
        if name not in fields:
            raise SpecError(_join(place, str(name)), f"one of {', '.join(sorted(fields))}", UNKNOWN)
    values = {item.name: _field(item, _hints(kind)[item.name], name, raw, place) for name, item in fields.items()}
    try:
        return kind(**values, **given)
    except SpecError as error:
        raise error.below(place) from error


def _field(item: Any, hint: Any, name: str, raw: Mapping[str, Any], place: str) -> Any:
    if name in raw:
        return _value(hint, raw[name], _join(place, name))
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    if item.default is dataclasses.MISSING:
        raise SpecError(_join(place, name), "a value", MISSING)
    return item.default


def _value(hint: Any, raw: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _checked(_value(arguments[0], raw, place), arguments[1:], place)
    if dataclasses.is_dataclass(hint):
        return _table(hint, raw, place, {})
    if origin is typing.Literal:
        if not isinstance(raw, str) or raw not in arguments:
            raise SpecError(place, f"one of {', '.join(map(str, arguments))}", raw)
        return raw
    if types.NoneType in arguments:
        return None if raw is None else _value(arguments[0], raw, place)
    if origin is types.UnionType:
        return _choose(arguments, raw, place)
    if origin is tuple or hasattr(hint, "_fields"):
        return _sequence(hint, arguments, raw, place)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[0], arguments[1], raw, place)
    return raw if hint is Any else _scalar(hint, raw, place)


def _choose(choices: tuple[Any, ...], raw: Any, place: str) -> Any:
    tag = next(name for name, hint in _hints(choices[0]).items() if len(_only(hint)) == 1)
    by_tag = {_only(_hints(choice)[tag])[0]: choice for choice in choices}
    if not isinstance(raw, Mapping):
        raise SpecError(place, "a table", raw)
    if raw.get(tag) not in list(by_tag):  # a list, for what was read need not be hashable
        raise SpecError(_join(place, tag), f"one of {', '.join(sorted(by_tag))}", raw.get(tag, MISSING))
    return _table(by_tag[raw[tag]], raw, place, {})


def _only(hint: Any) -> tuple[str, ...]:
    """The values of a Literal; nothing of another hint."""
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _sequence(hint: Any, arguments: tuple[Any, ...], raw: Any, place: str) -> Any:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise SpecError(place, "a list", raw)
    if hasattr(hint, "_fields"):
        if len(raw) > len(hint._fields):
            raise SpecError(place, f"a list of {', '.join(hint._fields)}", raw)
        hints = _hints(hint).items()
        return hint(*(_value(one, item, _join(place, name)) for (name, one), item in zip(hints, raw, strict=False)))
    if arguments[-1] is Ellipsis:
        return tuple(_value(arguments[0], item, _item(place, number, item)) for number, item in enumerate(raw))
    if len(raw) != len(arguments):
        raise SpecError(place, f"a list of {len(arguments)}", raw)
    return tuple(_value(*pair, f"{place}[{number}]") for number, pair in enumerate(zip(arguments, raw, strict=True)))


def _item(place: str, number: int, item: Any) -> str:
    """The place of an item of a list; one that has an id is named by it."""
    return f"{place} {item['id']!r}" if isinstance(item, Mapping) and "id" in item else f"{place}[{number}]"


def _mapping(names: Any, hint: Any, raw: Any, place: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise SpecError(place, "a table", raw)
    named = dataclasses.is_dataclass(hint) and any(item.name == "name" for item in dataclasses.fields(hint))
    return {
        _value(names, name, place): _table(hint, value, _join(place, name), {"name": name})
        if named
        else _value(hint, value, _join(place, name))
        for name, value in raw.items()
    }


_NAMES = {int: "a whole number", float: "a finite number", str: "a text that is not empty", bool: "true or false"}


def _scalar(hint: Any, raw: Any, place: str) -> Any:
    # bool is a subclass of int in Python; a TOML or JSON integer is a fine float.
    accepted = (int, float) if hint is float else hint
    fits = isinstance(raw, accepted) and (hint is bool) == isinstance(raw, bool)
    if not fits or (hint is str and not raw) or (hint is float and not abs(raw) <= sys.float_info.max):
        raise SpecError(place, _NAMES[hint], raw)
    return hint(raw)


def _checked(value: Any, limits: tuple[Bound | Pattern, ...], place: str) -> Any:
    for one in value if isinstance(value, tuple) else (value,):
        for limit in limits if one is not None else ():
            if isinstance(limit, Pattern):
                if not re.fullmatch(limit.expression, one):
                    raise SpecError(place, limit.words, one)
            elif not limit.holds(one, limit.bound):
                raise SpecError(place, f"{limit.words} {limit.bound:g}", one)
    return value


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
