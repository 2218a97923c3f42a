"""From the bytes of a 2xx answer to what the method returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_origin

import msgspec

from ._errors import ResponseError, without_secrets
from ._model import Model, converter

if TYPE_CHECKING:
    from ._call import Answer, Operation

T = TypeVar("T")


def decode(operation: Operation, answer: Answer, result: type[T], hidden: tuple[str, ...] = ()) -> T:
    """The body as `result`: a Model, `dict[...]`, `list[...]`, `str`, or `object` for whatever came.

    `hidden` are secrets that an error may not show, even if the server repeats them.
    """
    response = answer.response
    kind: Any = get_origin(result) or result
    decoded: Any = None
    if kind is str:
        decoded = response.text
        return decoded  # type: ignore[no-any-return]  # str is what was asked for
    if kind is object and not response.content:
        return decoded  # type: ignore[no-any-return]  # a route that is not described may answer nothing
    problem = "the body is empty" if not response.content else None
    is_model = issubclass(kind, Model)
    if problem is None:
        try:
            decoded = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = f"the body is not JSON: {error}"
        except RecursionError:
            problem = "the body is nested too deeply"
        else:
            expected = dict if is_model else kind
            if not isinstance(decoded, expected):
                problem = f"the body is {_json_name(type(decoded))}, not {_json_name(expected)}"
    if problem is not None:
        failure = ResponseError(f"{operation.id}: answered {response.status_code}, but {problem}")
        failure.status_code = response.status_code
        failure.response = without_secrets(response, hidden)
        failure.operation_id = operation.id
        failure.method = operation.method
        failure.route = operation.path
        failure.attempts = answer.attempts
        raise failure
    if is_model:
        decoded = kind(decoded, response.headers)
    elif (convert := converter(result)) is not None:
        decoded = convert(decoded)
    return decoded  # type: ignore[no-any-return]  # checked or converted to `result` above


def _json_name(kind: type) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(kind, "a number")
