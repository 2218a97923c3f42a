"""The examples in the methods' documentation run as written, and type checkers accept them."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from hevlayer import Hevlayer
from hevlayer._call import Operation
from hevlayer._generated import operations

from .conftest import API_KEY
from .scripted_server import Answer, ScriptedServer
from .test_typing import check

if TYPE_CHECKING:
    from pathlib import Path


def examples() -> dict[str, str]:
    """Example by the name of the method that has it, which an alias shares."""
    found = {}
    for name, method in inspect.getmembers(Hevlayer, inspect.isfunction):
        block = re.search(r"```python\n(.*?)```", inspect.getdoc(method) or "", re.DOTALL)
        if block and not name.startswith("_"):
            found[method.__name__] = block.group(1)
    return found


def test_every_operation_with_parameters_has_an_example() -> None:
    described = [value for value in vars(operations).values() if isinstance(value, Operation)]
    with_parameters = [operation for operation in described if "{" in operation.path]
    assert len(examples()) >= len(with_parameters)


@pytest.mark.parametrize("name", examples())
def test_the_example_makes_one_request(name: str, server: ScriptedServer) -> None:
    server.answer(Answer(json={"status": "completed"}))
    with Hevlayer(base_url=server.url, api_key=API_KEY) as client:
        exec(examples()[name], {"client": client})
    [request] = server.requests
    asked = re.sub("^wait_for_", "get_", name)
    assert request.method == getattr(operations, asked.upper()).method


def test_a_strict_checker_accepts_every_example(tmp_path: Path) -> None:
    body = "".join(textwrap.indent(example, "    ") for example in examples().values())
    outcome = check(tmp_path, f"from hevlayer import Hevlayer\n\ndef use(client: Hevlayer) -> None:\n{body}")
    assert outcome.stdout == ""
