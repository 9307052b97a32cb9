"""The metrics of all accounts of a process."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from linda_bot.app.house import House
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.redaction import Redactor
from linda_bot.health.fleet_figures import FleetFigures
from linda_bot.settings import Settings

if TYPE_CHECKING:
    from linda_bot.health.metrics import Facts


async def house_metrics(house: House, settings: Settings) -> bytes:
    """Return all figures in Prometheus's text format; a label says whose they are, as the log writes it."""
    redactor = Redactor(key_of(settings.data_dir / "logs"), mask=settings.log.mask)
    phases = {redactor.field(name): resident.phase.value for name, resident in house.residents.items()}
    fronts = {redactor.field(name): front for name in house.residents if (front := house.front(name)) is not None}
    found = await asyncio.gather(*(front.hooks.facts() for front in fronts.values()))
    facts = {name: each for name, each in zip(fronts, found, strict=True) if each is not None}
    fleet = house.fleet_figures() if house.fleet_figures is not None else None
    return await asyncio.to_thread(_text, facts, phases, fleet)


def _text(facts: Mapping[str, "Facts"], phases: Mapping[str, str], fleet: FleetFigures | None) -> bytes:
    from linda_bot.health.metrics import house_metrics_text  # most are never asked, and it is heavy: so in a thread

    return house_metrics_text(facts, phases, fleet)
