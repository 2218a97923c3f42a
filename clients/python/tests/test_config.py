"""Where options come from, and what is refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import AsyncHevlayer, ConfigError, Hevlayer, HevlayerError
from hevlayer._config import resolve_config

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

NOTHING: dict[str, Any] = {
    "base_url": None,
    "api_key": None,
    "turbopuffer_api_key": None,
    "turbopuffer_base_url": None,
    "fallback_to_turbopuffer": True,
    "timeout": None,
    "total_timeout": None,
    "max_retries": None,
    "headers": None,
    "environment": {},
}


def test_defaults_point_at_this_machine_and_at_turbopuffers_own_address() -> None:
    config = resolve_config(**NOTHING)
    assert config.base_url == "http://localhost:8080"
    assert config.turbopuffer_base_url == "https://aws-us-east-1.turbopuffer.com"
    assert config.api_key is None
    assert (config.timeout, config.total_timeout, config.max_retries) == (30, None, 3)


def test_the_environment_fills_in_and_arguments_win() -> None:
    environment = {
        "LAYER_GATEWAY_URL": "https://gateway.example/layer/",
        "LAYER_GATEWAY_API_KEY": " from-env ",
        "TURBOPUFFER_API_KEY": "store",
        "TURBOPUFFER_API_URL": "https://store.example",
        "HEVLAYER_TIMEOUT_MS": "1500",
        "HEVLAYER_MAX_RETRIES": "0",
    }
    config = resolve_config(**{**NOTHING, "environment": environment})
    assert config.base_url == "https://gateway.example/layer"
    assert config.secrets() == ("from-env", "store")
    assert config.turbopuffer_base_url == "https://store.example"
    assert (config.timeout, config.max_retries) == (1.5, 0)
    given = {"base_url": "http://a", "api_key": "mine", "timeout": 2, "max_retries": 5}
    config = resolve_config(**{**NOTHING, **given, "environment": environment})
    assert config.base_url == "http://a"
    assert config.secrets() == ("mine", "store")
    assert (config.timeout, config.max_retries) == (2, 5)


def test_blank_values_count_as_not_given() -> None:
    environment = {"LAYER_GATEWAY_URL": " ", "LAYER_GATEWAY_API_KEY": "", "HEVLAYER_TIMEOUT_MS": ""}
    config = resolve_config(**{**NOTHING, "environment": environment})
    assert config.base_url == "http://localhost:8080"
    assert config.api_key is None
    assert config.timeout == 30


def test_a_blank_key_means_none_and_a_blank_url_is_not_given_whatever_the_environment_says() -> None:
    environment = {
        "LAYER_GATEWAY_URL": "http://from-env:1",
        "LAYER_GATEWAY_API_KEY": "env-key",
        "TURBOPUFFER_API_KEY": "env-store-key",
    }
    given = {"base_url": " ", "api_key": "", "turbopuffer_api_key": " ", "environment": environment}
    config = resolve_config(**{**NOTHING, **given})
    assert (config.base_url, config.secrets()) == ("http://from-env:1", ())


@pytest.mark.parametrize("client", [Hevlayer, AsyncHevlayer])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("base_url", "ftp://host", "^base_url must be an http or https address"),
        ("base_url", "localhost:8080", "^base_url must be"),
        ("base_url", "http://", "^base_url must be"),
        ("base_url", "http://host:port", "^base_url must be"),
        ("base_url", "http://user:hunter2@host", "^base_url may not carry a user or password"),
        ("base_url", "http://host?x=1", "^base_url may not carry a query"),
        ("turbopuffer_base_url", "nonsense", "^turbopuffer_base_url must be"),
        ("api_key", "line\nbreak", "^api_key holds a character"),
        ("api_key", "schlüssel", "^api_key holds a character"),
        ("api_key", "two words", "^api_key may hold no spaces"),
        ("api_key", 5, "^api_key must be a string, not int"),
        ("base_url", 5, "^base_url must be a string, not int"),
        ("max_retries", -1, "^max_retries must be between 0 and 100, not -1"),
        ("max_retries", 1.5, "^max_retries must be an integer"),
        ("headers", {"bad name": "x"}, "^header name 'bad name'"),
        ("headers", {"": "x"}, "^header name ''"),
        ("base_url", "http://host/?", "^base_url may not carry a query or fragment"),
        ("base_url", "http://host#", "^base_url may not carry a query or fragment"),
        ("timeout", 1e10, "^timeout must be at most 2147483 seconds"),
        ("headers", {"Ü": "x"}, "^header name 'Ü'"),
        ("headers", ["x-a"], "^headers must be a mapping, not list"),
        ("headers", {"Authorization": "line"}, "^header 'Authorization' cannot be given: api_key sets it"),
        ("headers", {"Host": "line"}, "^header 'Host' cannot be given"),
        ("headers", {"accept-encoding": "br"}, "^header 'accept-encoding' cannot be given"),
        ("headers", {"Content-Length": "1"}, "^header 'Content-Length' cannot be given"),
        ("headers", {"Transfer-Encoding": "chunked"}, "^header 'Transfer-Encoding' cannot be given"),
        ("headers", {"Connection": "close"}, "^header 'Connection' cannot be given"),
        ("headers", {"x-a": "b\r\nc"}, "^header 'x-a' holds"),
        ("headers", {"x-a": 1}, "^header 'x-a' must be a string"),
        ("fallback_to_turbopuffer", "no", "^fallback_to_turbopuffer must be a bool"),
        ("compress_requests", 1, "^compress_requests must be a bool"),
    ],
)
def test_an_unusable_option_is_named_and_its_secret_is_not_shown(
    client: Any, option: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        client(**{option: value})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, HevlayerError)
    for secret in ("hunter2", "schlüssel", "line"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LAYER_GATEWAY_URL", "nonsense"),
        ("TURBOPUFFER_API_URL", "//x"),
        ("LAYER_GATEWAY_API_KEY", "a\x00b"),
        ("HEVLAYER_TIMEOUT_MS", "soon"),
        ("HEVLAYER_TIMEOUT_MS", "0"),
        ("HEVLAYER_TIMEOUT_MS", "inf"),
        ("HEVLAYER_TIMEOUT_MS", "1.5"),
        ("HEVLAYER_TIMEOUT_MS", "1_000"),
        ("HEVLAYER_TIMEOUT_MS", "-1"),
        ("HEVLAYER_TIMEOUT_MS", "9" * 5000),
        ("HEVLAYER_MAX_RETRIES", "-1"),
        ("HEVLAYER_MAX_RETRIES", "1.5"),
        ("HEVLAYER_MAX_RETRIES", "101"),
    ],
)
def test_an_unusable_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        resolve_config(**{**NOTHING, "environment": {variable: value}})


@pytest.mark.parametrize(
    ("text", "level"), [("off", logging.CRITICAL + 1), ("warn", logging.WARNING), (" debug ", logging.DEBUG)]
)
def test_the_level_of_the_logger_can_be_set_by_a_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, level: int
) -> None:
    log = logging.getLogger("hevlayer")
    before = log.level
    try:
        Hevlayer()
        assert log.level == before
        monkeypatch.setenv("HEVLAYER_LOG", text)
        Hevlayer()
        assert log.level == level
    finally:
        log.setLevel(before)


def test_an_unknown_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEVLAYER_LOG", "loud")
    with pytest.raises(ConfigError, match=r"^HEVLAYER_LOG must be one of off, error, warn, info, debug"):
        Hevlayer()


def test_a_derived_client_shares_connections_and_changes_only_what_is_given(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"status": "ok"}))
    derived = {"headers": {"x-b": "2"}, "timeout": 5.0}

    def check(client: Any) -> Any:
        other = client.with_options(**derived)
        assert other._transport is client._transport
        assert (other._config.timeout, other._config.max_retries) == (5.0, 3)
        assert client._config.timeout == 30
        return other.get_health()

    driver.calls({**options, "headers": {"x-a": "1"}}, check, lambda client: client.get_health())
    first, second = server.requests
    assert (first.headers["x-a"], first.headers["x-b"]) == ("1", "2")
    assert "x-b" not in second.headers


def test_a_derived_client_may_go_elsewhere_with_another_key(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    for each in (server, upstream):
        each.answer(Answer(json={"status": "ok"}))

    def derive(client: Any) -> Any:
        other = client.with_options(
            base_url=f"{upstream.url}/", api_key="sk-other", turbopuffer_api_key="sk-s"
        )
        assert other._config.turbopuffer_api_key.reveal() == "sk-s"
        assert client.with_options(base_url=" ").base_url == server.url
        assert client.with_options(fallback_to_turbopuffer=False)._config.fallback_to_turbopuffer is False
        return other.get_health()

    driver.run(options, derive)
    driver.run(options, lambda client: client.with_options(api_key="").get_health())
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-other"
    assert "authorization" not in server.requests[0].headers


def test_a_derived_client_refuses_what_the_first_would(options: dict[str, Any]) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"base_url": "nonsense"},
        {"api_key": "two words"},
        {"fallback_to_turbopuffer": "no"},
        {"headers": {"authorization": "x"}},
    )
    with Hevlayer(**options) as client:
        for change in changes:
            with pytest.raises(ConfigError, match=next(iter(change)).rstrip("s")):
                client.with_options(**change)


def test_closing_a_derived_client_leaves_the_first_open(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"status": "ok"}))
    with Hevlayer(**options) as client:
        client.get_health()
        opened = client._transport._open()  # type: ignore[attr-defined]
        client.with_options(timeout=1).close()
        assert not opened.is_closed
    assert opened.is_closed
