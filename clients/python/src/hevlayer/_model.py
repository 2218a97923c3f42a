"""Response models: typed, read-only views over the decoded JSON object.

The decoded dict stays the only copy of the data. A model adds attribute names and nested types on top,
converts a field when it is first read, and lets everything it does not know pass: `model["new_field"]` and
`model.to_dict()` see fields that the spec of this release has never heard of. The price is that a missing
required field shows on access, not on arrival.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from ._errors import ResponseError

Converter = Callable[[Any], Any]

_NO_HEADERS: Final[Mapping[str, str]] = types.MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wire:
    """In `Annotated`: the field's name on the wire, where Python needs another one."""

    name: str


@dataclass(frozen=True, slots=True)
class FromHeader:
    """In `Annotated`: the field is filled from this response header, not from the body."""

    name: str


class Model:
    """Base of every response model.

    Fields are attributes. Optional fields that the server left out read as None; a required field that is
    missing raises AttributeError. Fields outside the model are read as `model["name"]`.
    """

    __slots__ = ("_converted", "_data", "_headers")

    _field_table: ClassVar[Mapping[str, _Field] | None] = None

    def __init__(self, data: Mapping[str, Any], headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """`data` is kept, not copied; `headers` (lower-case names) feed the fields that come from headers."""
        self._data = data
        self._headers = headers
        self._converted: dict[str, Any] = {}

    if not TYPE_CHECKING:  # hidden, so that type checkers report names that the model lacks

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in self._converted:
                return self._converted[name]
            field = _fields(type(self)).get(name)
            if field is None:
                hint = f"; read it as model[{name!r}]" if name in self._data else ""
                raise AttributeError(f"{type(self).__name__} has no field {name!r}{hint}")
            value = self._converted[name] = field.read(self._data, self._headers, type(self).__name__)
            return value

    def __getitem__(self, wire_name: str) -> Any:
        """The raw value of a body field by its wire name; KeyError when the body lacks it."""
        return self._data[wire_name]

    def __contains__(self, wire_name: object) -> bool:
        return wire_name in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Model):
            return type(self) is type(other) and self._data == other._data
        return NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._data!r})"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_fields(type(self))})

    def to_dict(self) -> dict[str, Any]:
        """The body as decoded, unknown fields included; a shallow copy."""
        return dict(self._data)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    header: bool
    optional: bool
    convert: Converter | None

    def read(self, data: Mapping[str, Any], headers: Mapping[str, str], model: str) -> Any:
        source: Mapping[str, Any] = headers if self.header else data
        value = source.get(self.name)
        if value is None:
            if self.optional or self.name in source:
                return None
            raise AttributeError(f"{model}: the response has no field {self.name!r}")
        if self.convert is None:
            return value
        try:
            return self.convert(value)
        except (ValueError, msgspec.ValidationError) as error:
            raise ResponseError(f"{model}.{self.name}: cannot read {value!r}: {error}") from error


def _fields(model: type[Model]) -> Mapping[str, _Field]:
    """Field table of a model, worked out from its annotations at first use.

    Resolving annotations is slow; doing it late keeps importing the package cheap.
    """
    table = model.__dict__.get("_field_table")
    if table is None:
        hints = get_type_hints(model, include_extras=True)
        table = {name: _field(name, hint) for name, hint in hints.items() if not name.startswith("_")}
        model._field_table = table
    return cast("Mapping[str, _Field]", table)


def _field(name: str, hint: Any) -> _Field:
    marker: Any = None
    if get_origin(hint) is Annotated:
        hint, marker = get_args(hint)[:2]
    from_header = isinstance(marker, FromHeader)
    return _Field(
        name=name if marker is None else marker.name,
        header=from_header,
        optional=types.NoneType in get_args(hint),
        convert=_from_header(hint) if from_header else converter(hint),
    )


def converter(hint: Any) -> Converter | None:
    """How to turn decoded JSON into `hint`; None when the decoded value is already right.

    A value of another shape than the hint (a new union variant, say) is handed over as it came.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return converter(arguments[0])
    if origin in (Union, types.UnionType):
        candidates = [found for part in arguments if (found := converter(part)) is not None]
        # Two convertible variants cannot be told apart by shape alone: leave the choice to the caller.
        return candidates[0] if len(candidates) == 1 else None
    if origin is list:
        return _each_item(converter(arguments[0]))
    if origin is dict:
        return _each_value(converter(arguments[1]))
    if hint is datetime:
        return _to_datetime
    if isinstance(hint, type) and issubclass(hint, Model):
        return lambda value: hint(value) if isinstance(value, dict) else value
    return None


def _each_item(convert: Converter | None) -> Converter | None:
    if convert is None:
        return None
    return lambda value: [convert(item) for item in value] if isinstance(value, list) else value


def _each_value(convert: Converter | None) -> Converter | None:
    if convert is None:
        return None
    return lambda value: (
        {key: convert(item) for key, item in value.items()} if isinstance(value, dict) else value
    )


def _to_datetime(value: Any) -> Any:
    return msgspec.convert(value, Annotated[datetime, msgspec.Meta(tz=True)])


def _from_header(hint: Any) -> Converter | None:
    kinds = {hint, *get_args(hint)}
    if bool in kinds:
        return lambda value: value.strip().lower() == "true"
    if int in kinds:
        return int
    if float in kinds:
        return float
    return None
