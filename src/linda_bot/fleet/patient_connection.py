"""One connection to the database for the event loop, on which nothing takes longer than allowed."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from linda_bot.database.connecting import Database, DatabaseTroubleError, Place, trouble_of
from linda_bot.kernel.tasks import spawn_task

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[Any]

T = TypeVar("T")

_BREAKS_WITHIN_S = 1.0


class PatientConnection:
    """Makes its connection when it is used, and anew after any trouble; one user at a time."""

    def __init__(self, database: Database, place: Place, *, first: str = "") -> None:
        """Take where to connect, and what each new connection is told first."""
        self._database = database
        self._place = place
        self._first = first
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def run(self, work: "Callable[[Connection], Awaitable[T]]", *, within_s: float) -> T:
        """Do something with the connection; raises DatabaseTroubleError, at the latest when the time is over.

        A statement that was under way then may still have its effect.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise self._no_answer(within_s) from None
        doing = spawn_task(self._do(work), name="database")
        try:
            await asyncio.wait({doing}, timeout=within_s)
            if not doing.done():
                raise self._no_answer(within_s)
            return doing.result()
        finally:
            if not doing.done():
                doing.add_done_callback(_forget)
                self._break(doing)
            self._one_at_a_time.release()

    async def close(self) -> None:
        """Let go of the connection, in good order where that is quick."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _do(self, work: "Callable[[Connection], Awaitable[T]]") -> T:
        if (connection := self._connection) is not None:
            try:
                return await work(connection)
            except _errors() as error:
                # It may have lain here dead since the server's last restart; one that was cut had its time.
                is_dead = connection.closed and self._connection is connection
                await self._drop(connection)
                if not is_dead:
                    raise trouble_of(error, self._database) from None
        connection = self._connection = await self._database.connect_async(self._place)
        try:
            if self._first:
                await connection.execute(self._first)
            return await work(connection)
        except _errors() as error:
            await self._drop(connection)
            raise trouble_of(error, self._database) from None

    async def _drop(self, connection: "Connection") -> None:
        if self._connection is connection:
            self._connection = None
        with suppress(*_errors()):
            await connection.close()

    def _break(self, doing: "asyncio.Task[T]") -> None:
        """Have what is under way end by cutting its line.

        Not by cancelling it: psycopg then asks the server to cancel, and waits for an answer, which is what there is
        none of.
        """
        connection, self._connection = self._connection, None
        if connection is None or connection.closed:
            doing.cancel()
            return
        doing.add_done_callback(lambda _: connection.pgconn.finish())  # whatever became of it
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        asyncio.get_running_loop().call_later(_BREAKS_WITHIN_S, doing.cancel)

    def _no_answer(self, within_s: float) -> DatabaseTroubleError:
        return DatabaseTroubleError(f"{self._database.shown} did not answer within {within_s:g} s")


def _errors() -> tuple[type[Exception], ...]:
    import psycopg  # it is there: the address of a database was asked for

    return psycopg.Error, OSError


def _forget(task: "asyncio.Task[T]") -> None:
    if not task.cancelled():
        task.exception()
