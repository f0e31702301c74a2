"""Requests to a cache of retained secrets that can be awaited: no thread waits for its database."""

from __future__ import annotations

import asyncio

from zrtp.cache.interface import AsyncSecretCache
from zrtp.errors import CacheError
from zrtp.protocol.store import Read, Request, Write


async def carry_out(request: Request, cache: AsyncSecretCache) -> None:
    """As `Request.run`, which it stands for. Never raises CacheError: a failure is the result as well."""
    try:
        match request:
            case Read():
                request.succeed(await cache.load(request.own_zid, request.peer_zid))
            case Write():
                request.succeed(await cache.update(request.own_zid, request.peer_zid, request.change.apply))
            case _:
                request.succeed(entry.peer_zid for entry in await cache.named(request.name))
    except CacheError as error:
        request.fail(error)
    except asyncio.CancelledError:
        request.fail(CacheError("The program ended before the store of retained secrets answered."))
        raise
