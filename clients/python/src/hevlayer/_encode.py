"""Values to wire text: JSON bodies, path segments, query strings and headers.

JSON has no NaN, and an encoder that writes null for it would store a hole in a vector. So bodies are walked
once before they are encoded: numbers are checked, models and arrays become plain values, and omitted fields
are dropped. Vectors are checked by their sum, in C; only a sum that is not finite is looked at element by
element.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote

import msgspec

from ._errors import ConfigError
from ._model import Model
from ._omit import OMIT

DEPTH_MAX: Final = 200
"""Nesting beyond this is a cycle or a mistake."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_ITEM_FORMATS: Final = frozenset("fdbBhHiIlLqQ?")


# A Decimal is a number; the default would send text.
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class _Buffer(Protocol):
    def __buffer__(self, flags: int, /) -> memoryview: ...


class _Array(Protocol):
    # numpy's stubs give its arrays a buffer from Python 3.12 on only.
    def tolist(self) -> Any: ...


NumberBuffer: TypeAlias = _Buffer | _Array
"""Numbers behind the buffer protocol: `array.array`, `memoryview`, numpy arrays.

Sent as a list of numbers.
"""


class _Refused(Exception):
    """A value JSON cannot carry, with the path to it, innermost key first while it travels outwards."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str | int] = []
        self.row_id: str | int | None = None

    def as_error(self, operation_id: str) -> ConfigError:
        place = "".join(_step(step) for step in reversed(self.path)).lstrip(".") or "body"
        row = f" of row {self.row_id!r}" if self.row_id is not None else ""
        return ConfigError(f"{operation_id}: {place}{row} {self.why}")


def plain_body(operation_id: str, body: Any) -> Any:
    """`body` in plain dicts, lists, strings and numbers, ready for `encode_json`.

    Models become dicts, arrays with the buffer protocol become lists, fields set to OMIT disappear.
    ConfigError names the field, and the row's id where there is one, of a number that is not finite or a
    value with no JSON form.
    """
    try:
        return _plain(body, DEPTH_MAX)
    except _Refused as refused:
        raise refused.as_error(operation_id) from None


def encode_json(operation_id: str, body: Any) -> bytes:
    """UTF-8 JSON of a body that went through `plain_body`."""
    try:
        return _ENCODER.encode(body)
    except (TypeError, ValueError, OverflowError) as error:
        try:
            _find_unencodable(body)
        except _Refused as refused:
            raise refused.as_error(operation_id) from error
        raise ConfigError(f"{operation_id}: the body cannot be encoded: {error}") from error


def encode_path(template: str, operation_id: str, values: Sequence[str | int]) -> str:
    """Fill the `{…}` of a path template in order, each value percent-encoded as one segment.

    Empty, "." and ".." are refused: on the way they would turn into another path.
    """
    pieces: list[str] = []
    remaining = iter(values)
    for segment in template.split("/"):
        if not segment.startswith("{"):
            pieces.append(segment)
            continue
        name, value = segment.strip("{}"), next(remaining)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ConfigError(f"{operation_id}: {name} must be a string or an integer, not {value!r}")
        text = str(value)
        if text in ("", ".", ".."):
            raise ConfigError(f'{operation_id}: {name} may not be "", "." or "..", got {text!r}')
        try:
            pieces.append(quote(text, safe=""))
        except UnicodeEncodeError as error:
            raise ConfigError(f"{operation_id}: {name} is not valid Unicode: {error}") from None
    return "/".join(pieces)


def encode_query(operation_id: str, parameters: Mapping[str, Any]) -> str:
    """A query string without its question mark; OMIT is left out, lists are joined by commas.

    False, 0, "" and [] are sent. None has no spelling in a query string and is refused.
    """
    pairs = []
    for name, value in parameters.items():
        if value is not OMIT:
            items = [quote(item, safe="") for item in _scalars(operation_id, name, value)]
            pairs.append(f"{quote(name, safe='')}={','.join(items)}")
    return "&".join(pairs)


def encode_headers(operation_id: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Header parameters as text, with the rules of `encode_query` and no escaping."""
    return {
        name: ",".join(_scalars(operation_id, name, value))
        for name, value in parameters.items()
        if value is not OMIT
    }


def _scalars(operation_id: str, name: str, value: Any) -> list[str]:
    """The items of a list, or the value alone. Text and mappings are iterable too, and no lists."""
    if isinstance(value, str | bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        return [_scalar(operation_id, name, value)]
    return [_scalar(operation_id, name, item) for item in value]


def _scalar(operation_id: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise ConfigError(
        f"{operation_id}: {name} must be a string, number or bool, or a list of them, not {value!r}"
    )


def _find_unencodable(value: Any) -> None:
    """Raise _Refused for the innermost value that the encoder does not take, with the path to it."""
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        parts: Iterable[tuple[str | int, Any]] = ()
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, list | tuple):
            parts = enumerate(value)
        for step, item in parts:
            try:
                _find_unencodable(item)
            except _Refused as refused:
                if isinstance(value, dict):
                    _note_row(refused, value)
                refused.path.append(step)
                raise
        raise _Refused(f"cannot be encoded: {error}") from None


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return _finite(value)
    if depth == 0:
        raise _Refused(f"is nested more than {DEPTH_MAX} levels deep")
    if isinstance(value, Model):
        return _plain_mapping(value.to_dict(), depth)
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, list | tuple):
        return _plain_list(value, depth)
    return _plain_other(value, depth)


def _plain_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        if item is OMIT:
            continue
        if not isinstance(key, str):
            raise _Refused(f"has the key {key!r}, which is not a string")
        try:
            result[key] = _plain(item, depth - 1)
        except _Refused as refused:
            _note_row(refused, value)
            refused.path.append(key)
            raise
    return result


def _plain_list(value: list[Any] | tuple[Any, ...], depth: int) -> list[Any] | tuple[Any, ...]:
    if _is_finite_vector(value):
        return value
    result = []
    for index, item in enumerate(value):
        try:
            result.append(_plain(item, depth - 1))
        except _Refused as refused:
            refused.path.append(index)
            raise
    return result


def _is_finite_vector(value: list[Any] | tuple[Any, ...]) -> bool:
    """True only for plain finite numbers; False says nothing (finite numbers can add up to infinity)."""
    try:
        total = sum(value)
    except (TypeError, OverflowError):
        return False
    # numpy scalars give a sum of their own type, and they must be converted one by one.
    return bool(value) and type(total) in (int, float) and math.isfinite(total)


def _plain_other(value: Any, depth: int) -> Any:
    """Subclasses of plain types, arrays and numpy scalars; the rest is left to the encoder (dates, UUIDs,
    enums).
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return _plain_date(value)
    if isinstance(value, bytes | bytearray):
        raise _Refused("is bytes; encode it as text first, or pass an array of numbers")
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind in ("M", "m"):
        return _plain(_numpy_dates(value, kind), depth)
    numbers = _buffer_numbers(value)
    # A long double lists itself as it is.
    if numbers is not None and type(numbers) is not type(value):
        return _plain(numbers, depth)
    if isinstance(value, float) or hasattr(value, "__float__"):
        return _plain_number(value)
    if isinstance(value, set | frozenset):
        return _plain_list(list(value), depth)
    return value


def _plain_number(value: Any) -> Any:
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        pass
    if type(value).__name__ == "Decimal":
        _finite(float(value))
        return value
    return _finite(float(value))


def _plain_date(value: date) -> Any:
    """The encoder takes dates and datetimes themselves, but no subclass, such as those of pandas."""
    if type(value) in (date, datetime):
        return value
    if value != value:  # what NaT is told by
        raise _Refused("is NaT, which JSON cannot carry")
    return value.isoformat()


def _numpy_dates(value: Any, kind: str) -> Any:
    """The datetimes of a numpy datetime64 or an array of them; its buffer shows their bytes."""
    if kind == "m":
        raise _Refused("is a span of time, which has no JSON form")
    if (value != value).any():  # what NaT is told by
        raise _Refused("is NaT, which JSON cannot carry")
    return value.astype("datetime64[us]").tolist()


def _buffer_numbers(value: Any) -> Any:
    """The numbers of an `array.array`, `memoryview`, numpy or ctypes array, or of what lists itself, as
    tensors do; None for anything else.
    """
    to_list = getattr(value, "tolist", None)
    try:
        with memoryview(value) as view:
            if view.format in _ITEM_FORMATS:
                return view.tolist()
    except TypeError:
        return to_list() if callable(to_list) else None
    except ValueError:
        # An array whose items have no buffer format, dates for example.
        pass
    # What memoryview cannot unpack (float16, explicit byte order) knows how to list itself.
    return to_list() if callable(to_list) else list(value)


def _finite(value: float) -> float:
    if math.isfinite(value):
        return float(value)
    raise _Refused(f"is {value}, which JSON cannot carry")


def _note_row(refused: _Refused, row: Mapping[Any, Any]) -> None:
    """Remember which row a refused value belongs to: `id` beside it, or the same position of an `id`
    column.
    """
    if refused.row_id is not None:
        return
    row_id = row.get("id")
    if isinstance(row_id, list | tuple) and refused.path and isinstance(refused.path[-1], int):
        row_id = row_id[refused.path[-1]] if refused.path[-1] < len(row_id) else None
    if isinstance(row_id, str | int):
        refused.row_id = row_id


def _step(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"
