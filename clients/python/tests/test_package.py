"""The package as a whole: what it exports, and numbers that must agree."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import hevlayer
import hevlayer.models
from hevlayer import AsyncHevlayer, Hevlayer
from hevlayer._call import Operation
from hevlayer._generated import operations

ROOT = Path(__file__).parent.parent


def public_methods(client: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name not in ("close", "aclose")
    }


def test_exported_names_are_sorted_and_exist() -> None:
    upper_first = sorted(hevlayer.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert hevlayer.__all__ == upper_first
    assert all(hasattr(hevlayer, name) for name in hevlayer.__all__)


def test_every_error_class_is_exported() -> None:
    errors = {
        name
        for name, member in inspect.getmembers(hevlayer._errors, inspect.isclass)
        if issubclass(member, hevlayer.HevlayerError)
    }
    assert errors <= set(hevlayer.__all__)


def test_every_model_is_exported() -> None:
    assert "WriteRequest" in hevlayer.models.__all__
    assert all(hasattr(hevlayer.models, name) for name in hevlayer.models.__all__)


def test_both_clients_have_the_same_surface() -> None:
    sync, async_ = public_methods(Hevlayer), public_methods(AsyncHevlayer)
    assert sync.keys() == async_.keys()
    for name, method in sync.items():
        assert list(inspect.signature(method).parameters) == list(inspect.signature(async_[name]).parameters)
        walks_or_derives = name.startswith("iter_") or name == "with_options"
        assert inspect.iscoroutinefunction(async_[name]) is not walks_or_derives


def test_options_beyond_path_and_body_are_keywords_only() -> None:
    described = [value for value in vars(operations).values() if isinstance(value, Operation)]
    in_paths = {name for operation in described for name in re.findall(r"\{(\w+)\}", operation.path)}
    for name, method in public_methods(Hevlayer).items():
        if name == "request":
            continue
        positional = [
            parameter.name
            for parameter in inspect.signature(method).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        assert set(positional) <= {"self", "body", *in_paths}, name


def test_every_operation_has_a_method_with_documentation() -> None:
    described = [value for value in vars(operations).values() if isinstance(value, Operation)]
    assert len(described) >= 18
    for operation in described:
        name = "".join(f"_{mark.lower()}" if mark.isupper() else mark for mark in operation.id)
        for client in (Hevlayer, AsyncHevlayer):
            assert inspect.getdoc(getattr(client, name)), operation.id


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    manifest = json.loads((ROOT / "package.json").read_text())
    assert project["version"] == manifest["version"] == hevlayer.__version__


def test_the_licence_lies_where_the_build_takes_it_from() -> None:
    # Hatchling puts a LICENSE beside pyproject.toml into wheel and sdist.
    assert (ROOT / "LICENSE").read_text() == (ROOT.parent.parent / "LICENSE").read_text()
