"""Requests to a cache of retained secrets, carried out beside the event loop: in a thread, or without one if the cache
can be awaited.
"""

from __future__ import annotations

import asyncio

from zrtp.cache.interface import AsyncSecretCache, SecretCache
from zrtp.errors import CacheError
from zrtp.protocol.endpoint import Endpoint, waits_for_zid
from zrtp.protocol.store import Read, Request, Write


async def carry_out(request: Request, cache: AsyncSecretCache) -> None:
    """As `Request.run`, which it stands for. Never raises an Exception: a failure is the result as well."""
    try:
        match request:
            case Read():
                request.succeed(await cache.load(request.own_zid, request.peer_zid))
            case Write():
                request.succeed(await cache.update(request.own_zid, request.peer_zid, request.change.apply))
            case _:
                request.succeed(entry.peer_zid for entry in await cache.named(request.name))
    except asyncio.CancelledError:
        request.fail(ended())
        raise
    except Exception as error:  # whatever class a cache may raise
        request.fail(error)


async def carry_out_in_thread(request: Request, cache: SecretCache) -> None:
    """As `Request.run`, in a thread of the loop's. If it is cancelled, it goes on until the thread has returned: the
    change belongs to the thread meanwhile, and what it stores is stored.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(None, request.run, cache)
    except RuntimeError:  # the loop ends and has no threads any more, so that nothing else is held up
        request.run(cache)
        return
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    running.exception()  # even SystemExit ends this request alone, which has no answer then
    if cancelled is not None:
        raise cancelled


async def learn_zid(endpoint: Endpoint, peer_label: str) -> None:
    """Have our ZID for a contact known before there is a call with it. Raises CacheError."""
    if isinstance(endpoint, Endpoint) and waits_for_zid(endpoint, peer_label):  # the call refuses what is no Endpoint
        await asyncio.get_running_loop().run_in_executor(None, endpoint.zid_for, peer_label)


def ended() -> CacheError:
    """Nobody knows whether the store has done what it was asked."""
    return CacheError("The program ended before the store of retained secrets answered.")
