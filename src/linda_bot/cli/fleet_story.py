"""What is said of what happens between hosts: one line and its style; pure."""

from linda_bot.cli.story_line import DIM, GREEN, RED, YELLOW, Line, span
from linda_bot.fleet.events import AccountMoved, FleetRecovered, FleetTrouble, HostJoined, HostLost, LeaseLost
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import printable
from linda_bot.kernel.sentences import sentence


def fleet_line(event: Event) -> Line | None:  # noqa: PLR0911 (one case an event)
    """Return what is said of an event; None for one that is no matter of the fleet, or of no interest."""
    match event:
        case AccountMoved(why="claimed"):
            return None
        case AccountMoved():
            came = f" from {event.from_host}" if event.from_host not in ("", event.to_host) else ""
            return Line(f"is here now ({event.why.replace('_', ' ')}{came})", DIM)
        case LeaseLost():
            return Line(f"ended here: {printable(event.because)}", RED)
        case FleetTrouble():
            return Line(f"{sentence(printable(event.because))} Unless that passes, all accounts end here.", RED)
        case FleetRecovered():
            return Line(f"The database can be used again, after {span(event.after_s)}.", GREEN)
        case HostJoined():
            return Line(f"The host {printable(event.host)} takes part.", DIM)
        case HostLost(has_left=True):
            return Line(f"The host {printable(event.host)} takes part no more.", DIM)
        case HostLost():
            return Line(f"Nothing is heard of the host {printable(event.host)} any more.", YELLOW)
        case _:
            return None
