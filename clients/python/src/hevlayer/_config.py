"""Client options: where each one comes from, and what is refused.

Order: constructor argument, environment variable, default. A value that cannot be used is a `ConfigError`
naming the option or variable, raised by the constructor. Nothing is read from the environment at import
time.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, final
from urllib.parse import urlsplit

from ._errors import ConfigError

DEFAULT_BASE_URL: Final = "http://localhost:8080"
DEFAULT_TURBOPUFFER_BASE_URL: Final = "https://aws-us-east-1.turbopuffer.com"
DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_MAX_RETRIES: Final = 3
CONNECT_TIMEOUT_S: Final = 5.0
"""Share of the attempt timeout that connecting may take."""
MAX_RETRIES_MAX: Final = 100
SECONDS_MAX: Final = 2_147_483
"""Longer limits overflow the timers of some systems; every Layer client has about this bound."""
SECRET_LENGTH_MIN: Final = 4

LOG_LEVELS: Final[Mapping[str, int]] = {
    "off": logging.CRITICAL + 1,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

OWN_HEADERS: Final[Mapping[str, str]] = {
    "authorization": "api_key sets it",
    "host": "base_url sets it",
    "connection": "connections are the HTTP client's",
    "accept-encoding": "answers are decompressed here",
    "content-encoding": "compress_requests sets it",
    "content-length": "the body sets it",
    "transfer-encoding": "the body sets it",
}
"""Headers that another value would break, that would have no effect, or that would escape the search for
keys."""


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@final
class Secret:
    """A key that shows itself to nobody: not in repr, str, format, logs or pickles."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled; build the client where it is used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Resolved options of one client. Safe to print."""

    base_url: str
    api_key: Secret | None
    turbopuffer_base_url: str
    turbopuffer_api_key: Secret | None
    fallback_to_turbopuffer: bool
    timeout: float
    """Seconds one attempt may take: connecting, sending, and reading the whole body."""
    total_timeout: float | None
    """Seconds a call may take with all attempts and waits; None for no bound."""
    max_retries: int
    compress_requests: bool
    """Gzip request bodies where it pays."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent with every request to the gateway, never to Turbopuffer. Names in lower case."""

    def secrets(self) -> tuple[str, ...]:
        """Both keys in clear text, to be blanked out of whatever a server sends back. Short ones are left
        out: blanking them would only garble the text.
        """
        keys = (self.api_key, self.turbopuffer_api_key)
        texts = (key.reveal() for key in keys if key is not None)
        return tuple(text for text in texts if len(text) >= SECRET_LENGTH_MIN)


def resolve_config(
    *,
    base_url: str | None,
    api_key: str | None,
    turbopuffer_api_key: str | None,
    turbopuffer_base_url: str | None,
    fallback_to_turbopuffer: bool,
    timeout: float | None,
    total_timeout: float | None,
    max_retries: int | None,
    headers: Mapping[str, str] | None,
    compress_requests: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Fill in from `environment` (default: the process's own) and the defaults, and check every value."""
    env = os.environ if environment is None else environment
    return Config(
        base_url=_url(base_url, "base_url", env, "LAYER_GATEWAY_URL", DEFAULT_BASE_URL),
        api_key=_key(api_key, "api_key", env, "LAYER_GATEWAY_API_KEY"),
        turbopuffer_base_url=_url(
            turbopuffer_base_url,
            "turbopuffer_base_url",
            env,
            "TURBOPUFFER_API_URL",
            DEFAULT_TURBOPUFFER_BASE_URL,
        ),
        turbopuffer_api_key=_key(turbopuffer_api_key, "turbopuffer_api_key", env, "TURBOPUFFER_API_KEY"),
        fallback_to_turbopuffer=_check_flag(fallback_to_turbopuffer, "fallback_to_turbopuffer"),
        timeout=check_seconds(timeout, "timeout") if timeout is not None else _timeout(env),
        total_timeout=(check_seconds(total_timeout, "total_timeout") if total_timeout is not None else None),
        max_retries=(
            check_retries(max_retries, "max_retries") if max_retries is not None else _max_retries(env)
        ),
        compress_requests=_check_flag(compress_requests, "compress_requests"),
        headers=check_headers(headers or {}),
    )


def log_level(environment: Mapping[str, str] | None = None) -> int | None:
    """The level that `HEVLAYER_LOG` asks for, None when it is not set."""
    env = os.environ if environment is None else environment
    text = env.get("HEVLAYER_LOG", "").strip()
    if not text:
        return None
    if text not in LOG_LEVELS:
        raise ConfigError(f"HEVLAYER_LOG must be one of {', '.join(LOG_LEVELS)}, not {text!r}")
    return LOG_LEVELS[text]


def derive_config(
    config: Config,
    *,
    base_url: str | None,
    api_key: str | None,
    turbopuffer_api_key: str | None,
    turbopuffer_base_url: str | None,
    fallback_to_turbopuffer: bool | None,
    timeout: float | None,
    total_timeout: float | None,
    max_retries: int | None,
    headers: Mapping[str, str] | None,
    compress_requests: bool | None,
) -> Config:
    """`config` with what is given in its place, checked alike. A blank URL counts as not given."""
    changes: dict[str, Any] = {}
    flags = (
        ("fallback_to_turbopuffer", fallback_to_turbopuffer),
        ("compress_requests", compress_requests),
    )
    for name, flag in flags:
        if flag is not None:
            changes[name] = _check_flag(flag, name)
    for name, url in (("base_url", base_url), ("turbopuffer_base_url", turbopuffer_base_url)):
        if url is not None:
            changes[name] = _url(url, name, {}, "", getattr(config, name))
    for name, key in (("api_key", api_key), ("turbopuffer_api_key", turbopuffer_api_key)):
        if key is not None:
            changes[name] = _key(key, name, {}, "")
    for name, seconds in (("timeout", timeout), ("total_timeout", total_timeout)):
        if seconds is not None:
            changes[name] = check_seconds(seconds, name)
    if max_retries is not None:
        changes["max_retries"] = check_retries(max_retries, "max_retries")
    if headers is not None:
        changes["headers"] = {**config.headers, **check_headers(headers)}
    return replace(config, **changes)


def _check_flag(value: bool, name: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be a bool, not {value!r}")
    return value


def check_seconds(value: float, name: str) -> float:
    """A finite number of seconds above zero, or ConfigError naming `name`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number of seconds, not {value!r}")
    if not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{name} must be a finite number of seconds above 0, not {value!r}")
    if value > SECONDS_MAX:
        raise ConfigError(f"{name} must be at most {SECONDS_MAX} seconds, not {value!r}")
    return float(value)


def check_retries(value: int, name: str) -> int:
    """A number of retries from 0 to 100, or ConfigError naming `name`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be an integer, not {value!r}")
    if not 0 <= value <= MAX_RETRIES_MAX:
        raise ConfigError(f"{name} must be between 0 and {MAX_RETRIES_MAX}, not {value}")
    return value


def check_mapping(value: Any, what: str) -> None:
    """None, or a mapping."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"{what} must be a mapping, not {type(value).__name__}")


def check_headers(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Headers with lower-case names. The message of a refusal names the header and never its value."""
    check_mapping(headers, "headers")
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError(f"header {name!r} must be a string with a string value")
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigError(f"header name {name!r} is not a legal header name")
        if name.lower() in OWN_HEADERS:
            raise ConfigError(f"header {name!r} cannot be given: {OWN_HEADERS[name.lower()]}")
        _check_header_value(value, f"header {name!r}")
        checked[name.lower()] = value
    return checked


def _check_header_value(value: str, what: str) -> None:
    if not value.isascii() or any((ord(mark) < 32 and mark != "\t") or ord(mark) == 127 for mark in value):
        raise ConfigError(f"{what} holds a character that an HTTP header cannot carry")


def _url(given: str | None, option: str, env: Mapping[str, str], variable: str, default: str) -> str:
    if given is not None and not isinstance(given, str):
        raise ConfigError(f"{option} must be a string, not {type(given).__name__}")
    value, name = (given, option) if given and given.strip() else (env.get(variable), variable)
    if value is None or not value.strip():
        return default
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = None
    if parts is None or not usable:
        raise ConfigError(f"{name} must be an http or https address with a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{name} may not carry a user or password; give the key as an option")
    # A bare "?" or "#" shows in neither part, and would swallow every path.
    if "?" in url or "#" in url:
        raise ConfigError(f"{name} may not carry a query or fragment")
    return url


def _key(given: str | None, option: str, env: Mapping[str, str], variable: str) -> Secret | None:
    """A blank key that is given means none, whatever the environment says."""
    if given is not None and not isinstance(given, str):
        raise ConfigError(f"{option} must be a string, not {type(given).__name__}")
    value, name = (given, option) if given is not None else (env.get(variable), variable)
    if value is None or not value.strip():
        return None
    key = value.strip()
    _check_header_value(key, name)
    if any(mark.isspace() for mark in key):
        raise ConfigError(f"{name} may hold no spaces")
    return Secret(key)


def _timeout(env: Mapping[str, str]) -> float:
    text = env.get("HEVLAYER_TIMEOUT_MS", "").strip()
    if not text:
        return DEFAULT_TIMEOUT_S
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= SECONDS_MAX * 1000:
        raise ConfigError(
            f"HEVLAYER_TIMEOUT_MS must be a whole number of milliseconds above 0 and at most "
            f"{SECONDS_MAX * 1000}, not {text!r:.40}"
        )
    return int(text) / 1000


def _max_retries(env: Mapping[str, str]) -> int:
    text = env.get("HEVLAYER_MAX_RETRIES", "").strip()
    if not text:
        return DEFAULT_MAX_RETRIES
    if not text.isascii() or not text.isdigit():
        raise ConfigError(
            f"HEVLAYER_MAX_RETRIES must be an integer from 0 to {MAX_RETRIES_MAX}, not {text!r}"
        )
    return check_retries(int(text), "HEVLAYER_MAX_RETRIES")
