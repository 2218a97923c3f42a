"""Which redirects are followed, the same ones as in every Layer client.

GET alone: a redirected write would arrive as a GET without its body, and the page that answers pass for a
success. To http or https, without credentials in the address, and never from https to http. Whatever is not
followed is the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

if TYPE_CHECKING:
    from ._transport import HttpRequest, HttpResponse

REDIRECTS_MAX: Final = 10
"""How often one attempt is sent on."""

_STATUSES: Final = frozenset({301, 302, 303, 307, 308})

_HARMLESS_HEADERS: Final = frozenset({"accept", "accept-encoding", "user-agent"})
"""What another origin is told; every other header may hold credentials that are meant for the first."""


def redirected(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    """The request that an answer sends on to, or None when the answer stands."""
    location = response.headers.get("location")
    if request.method != "GET" or response.status_code not in _STATUSES or not location:
        return None
    try:
        url = urldefrag(urljoin(request.url, location)).url
        origin, target = urlsplit(request.url), urlsplit(url)
        stays = _origin(origin) == _origin(target)
    except ValueError:
        return None
    safe = target.scheme == "https" or (target.scheme == "http" and origin.scheme == "http")
    if not safe or not target.hostname or target.username is not None or target.password is not None:
        return None
    headers = {name: value for name, value in request.headers.items() if stays or name in _HARMLESS_HEADERS}
    return replace(request, url=url, headers=headers)


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)
