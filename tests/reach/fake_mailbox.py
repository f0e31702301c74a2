"""A mailbox server of sixty lines, that can be killed, restarted, and made to misbehave."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class FakeMailbox:
    """What magic-wormhole's server does for two sides; `welcome` is what it says first."""

    def __init__(self, welcome: dict[str, Any] | None = None) -> None:
        self.welcome = welcome or {}
        self.moods: list[str] = []
        self.released: list[str] = []
        self.connections = 0
        self.number = "7"
        self.refuse_claims = ""
        self.disturb: Callable[[ServerConnection], Any] | None = None
        """Called for each connection before the welcome."""
        self._port = 0
        self._claims: dict[str, set[str]] = defaultdict(set)
        self._messages: list[dict[str, Any]] = []
        self._listeners: set[ServerConnection] = set()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/v1"

    @property
    def phases(self) -> list[str]:
        """What has been added so far."""
        return [message["phase"] for message in self._messages]

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self._port)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """As if it was killed: nobody is told anything, what it had on disk stays."""
        assert self._server is not None
        for listener in list(self._server.connections):
            listener.transport.abort()
        self._server.close()
        await self._server.wait_closed()
        self._listeners.clear()

    async def forget(self) -> None:
        """As if a day had passed: numbers and messages are free again."""
        self._claims.clear()
        self._messages.clear()

    async def say(self, **message: object) -> None:
        """Tell every listener something."""
        for listener in list(self._listeners):
            await listener.send(json.dumps(message))

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        side = ""
        try:
            if self.disturb is not None:
                await self.disturb(connection)
            await connection.send(json.dumps({"type": "welcome", "welcome": self.welcome}))
            async for text in connection:
                message = json.loads(text)
                await connection.send(json.dumps({"type": "ack"}))
                side = message.get("side", side)
                await self._answer(connection, side, message)
        except ConnectionClosed:
            pass
        finally:
            self._listeners.discard(connection)

    async def _answer(self, connection: ServerConnection, side: str, message: dict[str, Any]) -> None:
        answer: dict[str, Any] | None = None
        match message["type"]:
            case "allocate":
                answer = {"type": "allocated", "nameplate": self.number}
            case "claim" if self.refuse_claims:
                answer = {"type": "error", "error": self.refuse_claims}
            case "claim":
                sides = self._claims[message["nameplate"]]
                sides.add(side)
                answer = (
                    {"type": "claimed", "mailbox": "m"} if len(sides) < 3 else {"type": "error", "error": "crowded"}
                )
            case "open":
                self._listeners.add(connection)
                for old in self._messages:
                    await connection.send(json.dumps(old))
            case "add":
                self._messages.append({"type": "message", "side": side, **{k: message[k] for k in ("phase", "body")}})
                await self.say(**self._messages[-1])
            case "release":
                self.released.append(message["nameplate"])
                answer = {"type": "released"}
            case "close":
                self.moods.append(message["mood"])
                answer = {"type": "closed"}
        if answer is not None:
            await connection.send(json.dumps(answer))


@asynccontextmanager
async def fake_mailbox(**options: Any) -> AsyncIterator[FakeMailbox]:
    server = FakeMailbox(**options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        await asyncio.sleep(0)
