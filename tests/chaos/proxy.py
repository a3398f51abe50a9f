"""A TCP proxy that misbehaves on demand: passes, refuses, resets, swallows (half-open) or delays what runs through it.

    with FaultProxy("127.0.0.1", 5672) as proxy:
        service.start(AMQP_URL=f"amqp://…@127.0.0.1:{proxy.port}/ioc")
        proxy.black_hole()              # connections stay up, nothing moves, new ones are accepted and never answered
        ...
        proxy.pass_through()            # what was held back moves on

Every method may be called from any thread and returns when the fault is in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST instead of FIN


class FaultProxy:
    """Forwards 127.0.0.1:`port` to a target; runs on an event loop in a thread of its own."""

    def __init__(self, target_host: str, target_port: int, port: int = 0) -> None:
        """`port` 0 takes a free one. Raises OSError when the port is taken."""
        self._target = (target_host, target_port)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._delay_s = 0.0
        self._refusing = False
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"fault-proxy-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """Connections that are open now, those in a black hole included."""
        return len(self._links)

    def pass_through(self) -> None:
        """Heal: no delay, nothing refused, and what a black hole held back moves on, in order."""

        def heal() -> None:
            self._delay_s, self._refusing = 0.0, False
            self._flowing.set()

        self._run(heal)

    def drop_connections(self) -> int:
        """Reset (RST) every open connection on both sides; new ones pass. Returns how many."""
        return self._call(self._drop())

    def refuse(self) -> None:
        """The server is away: open connections are reset, and so is every new one."""
        self._run(lambda: setattr(self, "_refusing", True))
        self.drop_connections()

    def black_hole(self) -> None:
        """Nothing moves in either direction and nobody is told; new connections are accepted and never answered."""
        self._run(lambda: self._flowing.clear())

    def delay(self, seconds: float) -> None:
        """Everything arrives `seconds` later, in both directions, in order; the rate stays."""
        self._run(lambda: setattr(self, "_delay_s", seconds))

    def _run(self, change: Callable[[], None]) -> None:
        async def apply() -> None:
            change()

        self._call(apply())

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _open(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, sock=self._listener)

    async def _close(self) -> None:
        self._server.close()
        await self._drop()

    async def _drop(self) -> int:
        links = list(self._links)
        for link in links:
            link.reset()
        await asyncio.gather(*(link.ended.wait() for link in links))
        return len(links)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refusing:
            _abort(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        link = _Link(task, writer)
        self._links.add(link)
        try:
            await self._serve(link, reader, writer)
            for each in link.writers:
                each.close()
        except* (OSError, asyncio.CancelledError):  # one side is gone or we were told to reset: both learn it at once
            for each in link.writers:
                _abort(each)
        finally:
            self._links.discard(link)
            link.ended.set()

    async def _serve(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        upstream, server = await asyncio.open_connection(*self._target)
        link.writers.append(server)
        async with asyncio.TaskGroup() as both_ways:
            both_ways.create_task(self._pump(reader, server))
            both_ways.create_task(self._pump(upstream, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Move bytes one way until the end of the stream, then pass the end on. Raises OSError when a side is reset."""
        queue: asyncio.Queue[tuple[float, bytes | OSError]] = asyncio.Queue(maxsize=64)
        feeder = asyncio.ensure_future(self._feed(source, queue))
        try:
            while True:
                due, chunk = await queue.get()
                if (early := due - self._loop.time()) > 0:
                    await asyncio.sleep(early)
                await self._flowing.wait()
                if isinstance(chunk, OSError):
                    raise chunk
                if not chunk:
                    sink.write_eof()
                    return
                sink.write(chunk)
                await sink.drain()
        finally:
            feeder.cancel()

    async def _feed(self, source: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes | OSError]]) -> None:
        """Read ahead, so that a delay does not lower the rate; the last thing in the queue is b"" or the reset."""
        chunk: bytes | OSError = b"more"
        while chunk and not isinstance(chunk, OSError):
            await self._flowing.wait()
            try:
                chunk = await source.read(CHUNK_BYTES)
            except OSError as error:
                chunk = error
            await queue.put((self._loop.time() + self._delay_s, chunk))


class _Link:
    """One accepted connection and the task that serves it."""

    def __init__(self, task: asyncio.Task[None], client: asyncio.StreamWriter) -> None:
        self._task = task
        self.writers = [client]
        self.ended = asyncio.Event()

    def reset(self) -> None:
        self._task.cancel()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN, dropping what was not sent yet."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
