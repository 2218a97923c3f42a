"""The clients as callers see them: the generated methods, and those written by hand on top of them."""

from __future__ import annotations

from ._generated import async_client, client


class Hevlayer(client.Hevlayer):
    __doc__ = client.Hevlayer.__doc__

    warm_namespace = client.Hevlayer.warm_cache
    """The same as `warm_cache`."""


class AsyncHevlayer(async_client.AsyncHevlayer):
    __doc__ = async_client.AsyncHevlayer.__doc__

    warm_namespace = async_client.AsyncHevlayer.warm_cache
    """The same as `warm_cache`."""
