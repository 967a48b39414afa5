"""Reads nested mappings (from JSON or TOML) into frozen dataclasses, naming the dotted key of whatever is wrong."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any


class SpecError(ValueError):
    """A setting is unknown, missing, of the wrong type or out of range."""

    def __init__(self, key: str, expected: str, found: object) -> None:
        super().__init__(f"{key or 'the top level'}: expected {expected}, found {found!r}")
        self.key, self.expected, self.found = key, expected, found

    def below(self, parent: str) -> "SpecError":
        """The same error with `parent` in front of its key."""
        return SpecError(f"{parent}.{self.key}" if self.key else parent, self.expected, self.found)


@dataclasses.dataclass(frozen=True)
class Minimum:
    """Annotation of a number, or of a list of numbers: the smallest that is allowed."""

    bound: float


@dataclasses.dataclass(frozen=True)
class Above:
    """Annotation of a number, or of a list of numbers: what it must exceed."""

    bound: float


def parse(kind: type, raw: Any, key: str) -> Any:
    """Read `raw` into the dataclass `kind`.

    A field may be a number, a text, a Literal, a tuple, a Mapping, a dataclass, a union of dataclasses that are told
    apart by their Literal field `name`, or one of these or None; Annotated with `Minimum` or `Above` it is bounded.

    Args:
        kind: A dataclass.
        raw: The mapping to read.
        key: Dotted key of `raw`, for messages.

    Raises:
        SpecError: if anything in `raw` does not fit.
    """
    if not isinstance(raw, Mapping):
        raise SpecError(key, "a table of settings", raw)
    fields = {item.name: item for item in dataclasses.fields(kind)}
    for name in raw:
        if name not in fields:
            raise SpecError(_join(key, str(name)), f"one of {', '.join(sorted(fields))}", "an unknown key")
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(**{name: _field(item, hints[name], raw, key) for name, item in fields.items()})


def _field(item: dataclasses.Field, hint: Any, raw: Mapping[str, Any], key: str) -> Any:
    if item.name in raw:
        return _value(hint, raw[item.name], _join(key, item.name))
    if item.default is dataclasses.MISSING:
        raise SpecError(_join(key, item.name), "a value", "nothing (the key is missing)")
    return item.default


def _choose(choices: tuple[type, ...], raw: Any, key: str) -> Any:
    by_name = {typing.get_args(typing.get_type_hints(choice)["name"])[0]: choice for choice in choices}
    found = raw.get("name") if isinstance(raw, Mapping) else raw
    if not isinstance(found, str) or found not in by_name:
        raise SpecError(_join(key, "name"), f"one of {', '.join(sorted(by_name))}", found)
    return parse(by_name[found], raw, key)


def _value(hint: Any, raw: Any, key: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _bounded(_value(arguments[0], raw, key), arguments[1:], key)
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast("type", hint), raw, key)
    if origin is typing.Literal:
        if not isinstance(raw, str) or raw not in arguments:
            raise SpecError(key, f"one of {', '.join(map(str, arguments))}", raw)
        return raw
    if origin is types.UnionType and types.NoneType in arguments:
        return None if raw is None else _value(arguments[0], raw, key)
    if origin is types.UnionType:
        return _choose(arguments, raw, key)
    if origin is tuple:
        return _sequence(arguments, raw, key)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[1], raw, key)
    return _scalar(hint, raw, key)


def _sequence(arguments: tuple[Any, ...], raw: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise SpecError(key, "a list", raw)
    if arguments[-1] is Ellipsis:
        return tuple(_value(arguments[0], item, f"{key}[{number}]") for number, item in enumerate(raw))
    if len(raw) != len(arguments):
        raise SpecError(key, f"a list of {len(arguments)}", raw)
    return tuple(
        _value(hint, item, f"{key}[{number}]") for number, (hint, item) in enumerate(zip(arguments, raw, strict=True))
    )


def _mapping(hint: Any, raw: Any, key: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or not all(isinstance(name, str) for name in raw):
        raise SpecError(key, "a table", raw)
    return {name: value if hint is Any else _value(hint, value, _join(key, name)) for name, value in raw.items()}


_NAMES = {int: "a whole number", float: "a finite number", str: "a text that is not empty", bool: "true or false"}


def _scalar(hint: Any, raw: Any, key: str) -> Any:
    # bool is a subclass of int in Python; a TOML or JSON integer is a fine float.
    accepted = (int, float) if hint is float else hint
    fits = isinstance(raw, accepted) and (hint is bool) == isinstance(raw, bool)
    if not fits or (hint is str and not raw) or (hint is float and not math.isfinite(raw)):
        raise SpecError(key, _NAMES[hint], raw)
    return hint(raw)


def _bounded(value: Any, bounds: tuple[Minimum | Above, ...], key: str) -> Any:
    for number in value if isinstance(value, tuple) else (value,):
        for limit in bounds if number is not None else ():
            if isinstance(limit, Minimum) and number < limit.bound:
                raise SpecError(key, f"at least {limit.bound:g}", number)
            if isinstance(limit, Above) and number <= limit.bound:
                raise SpecError(key, f"more than {limit.bound:g}", number)
    return value


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
