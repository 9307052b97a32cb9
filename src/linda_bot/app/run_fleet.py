"""Taking part in a fleet, for a process whose accounts are in a shared database."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from linda_bot import __version__
from linda_bot.app.companions import heard
from linda_bot.app.fleet_house import FleetHouse, Tenants
from linda_bot.app.job import Job
from linda_bot.app.resident import MakeAccount
from linda_bot.app.shared_storage import SharedStorage
from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.fleet.events import AccountMoved, FleetRecovered, FleetTrouble
from linda_bot.fleet.keeper import FleetKeeper
from linda_bot.fleet.ledger import Host
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.fleet.sharing import Rules
from linda_bot.fleet.validity import answer_within_s
from linda_bot.health.fleet_figures import FleetFigures
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import unwritable
from linda_bot.kernel.files import write_atomic
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.paths import HousePaths
from linda_bot.sessions.roll import Roll
from linda_bot.settings import Settings
from linda_bot.settings.accounts import AccountSettings

LEAVE_WITHIN_S = 20.0
_AGAIN_S = 2.0


def host_of(settings: Settings, paths: HousePaths) -> Host:
    """Return this host as it shows itself to the others; raises UsageError where its directory cannot be written."""
    fleet = settings.fleet
    return Host(
        name=fleet.host or socket.gethostname(),
        place=_place(paths),
        incarnation=uuid.uuid4().hex,
        capacity=fleet.capacity,
        weight=fleet.weight,
        lease_s=fleet.lease,
        version=__version__,
        pid=os.getpid(),
    )


def _place(paths: HousePaths) -> str:
    """Return the word for a data directory that no other has, on whatever machine it is."""
    try:
        if not paths.place.is_file():
            write_atomic(paths.place, uuid.uuid4().hex.encode())
        return paths.place.read_text()
    except OSError as error:
        raise unwritable(error) from error


class Fleet:
    """This host's part in a fleet."""

    def __init__(self, settings: Settings, paths: HousePaths, bus: EventBus) -> None:
        """Take what the settings say; raises UsageError."""
        assert settings.store is not None
        self.database = Database(settings.store.get_secret_value())
        self.host = host_of(settings, paths)
        self._bus = bus
        self._ledger = PostgresLedger(self.database, self.host, within_s=answer_within_s(self.host.lease_s))
        self._paths = paths
        self._house: FleetHouse | None = None
        self._keeper: FleetKeeper | None = None

    def house_of(self, settings: AccountSettings, make: MakeAccount) -> FleetHouse:
        """Return the house whose accounts are shared; once, before anything else."""
        house = FleetHouse(
            settings.named,
            Roll(self._paths),
            make,
            self._bus,
            at_once=settings.shared.start.at_once,
            host=self.host,
        )
        house.fleet_figures = self.figures
        self._house = house
        self._keeper = FleetKeeper(
            self._ledger,
            Tenants(house),
            self.host,
            self._bus.publish,
            rules=Rules(settled_s=settings.shared.fleet.settled),
        )
        return house

    def storage(self, job: Job) -> SharedStorage:
        """Return where an account is that begins here; raises LeaseEndedError where it may not."""
        return SharedStorage(job, self.database, self)

    def fence(self, account: str) -> int | None:
        """Return the number of an account's lease; see `shared_storage.Lease`."""
        return self._keeper.fence(account) if self._keeper else None

    def right_s(self, account: str) -> float:
        """Return for how long an engine may live; see `shared_storage.Lease`."""
        return self._keeper.right_s(account) if self._keeper else 0.0

    def lost(self, account: str, because: str) -> None:
        """Take word that a lease has passed on; see `shared_storage.Lease`."""
        if self._keeper:
            self._keeper.lost(account, because)

    def figures(self) -> FleetFigures:
        """Return what is counted of the fleet."""
        assert self._house is not None
        assert self._keeper is not None
        left = [self._keeper.right_s(account) for account in self._keeper.held]
        return self._house.figures()._replace(held=len(left), lease_left_s=min(left, default=None))

    @asynccontextmanager
    async def taking_part(self) -> AsyncIterator[asyncio.Task[None]]:
        """Take part until the end of the block, and hand everything over then.

        Yields a task that does not end before that unless the host cannot take part any more, which it tells: with
        UsageError when the database is a newer version's, or another host has this one's name.
        """
        assert self._keeper is not None
        assert self._house is not None
        taking_part = spawn_task(self._take_part(self._house, self._keeper), name="fleet")
        async with heard(self._bus, "fleet figures", self._house.take, AccountMoved):
            try:
                yield taking_part
            finally:
                if not taking_part.done():
                    await self._keeper.leave(within_s=LEAVE_WITHIN_S)
                taking_part.cancel()
                await asyncio.wait({taking_part})
                await self._ledger.close()

    async def _take_part(self, house: FleetHouse, keeper: FleetKeeper) -> None:
        await self._see_to_tables(house)
        parts = {
            spawn_task(house.live(self._ledger), name="fleet's accounts"),
            spawn_task(keeper.run(), name="fleet's leases"),
        }
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()  # neither ends but by an error
        finally:
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)

    async def _see_to_tables(self, house: FleetHouse) -> None:
        loop = asyncio.get_running_loop()
        began_at, told = loop.time(), ""
        while True:
            try:
                await asyncio.to_thread(bring_up_to_date, self.database)
            except DatabaseTroubleError as error:
                house.in_trouble(str(error))
                if not told:
                    told = str(error)
                    self._bus.publish(FleetTrouble(because=told))
                await asyncio.sleep(_AGAIN_S)
            else:
                house.in_trouble("")
                if told:
                    self._bus.publish(FleetRecovered(because=told, after_s=round(loop.time() - began_at, 3)))
                return
