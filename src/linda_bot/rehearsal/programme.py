"""All rehearsals, in the order in which they are carried out."""

import difflib
from collections.abc import Sequence

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.rehearsal import targets
from linda_bot.rehearsal.acts import copies, damages, first_start, links, resources, restarts
from linda_bot.rehearsal.values import Rehearsal

_READY = f"ready under {targets.READY_S:g} s"
_NO_CODE = "0 QR codes"
_GUIDE = 15
"""So many are of the guide, and have numbers; the others are the reliability scenarios beside it."""

_LONGEST = 40

PROGRAMME: tuple[Rehearsal, ...] = (
    Rehearsal(
        "1",
        "System start-up",
        "it starts with your settings and handlers, asks for a link, tells its state, and stops in order",
        f"working under {targets.READY_S:g} s, stopped under {targets.STOP_S:g} s",
        first_start.system_start,
    ),
    Rehearsal(
        "2",
        "First-time session creation",
        "a scan makes a session: private, whole, known to the phone, and the bot answers",
        f"listening under {targets.LINK_S:g} s after the scan",
        first_start.first_session,
    ),
    Rehearsal(
        "3",
        "QR display",
        "the code on the screen can be read by a camera and links the bot; it is drawn once",
        f"readable under {targets.QR_S:g} s after the start",
        first_start.qr_display,
    ),
    Rehearsal(
        "4",
        "Session restore after restart",
        "the session is brought back, and the bot tells it step by step",
        f"{_NO_CODE}, {_READY}",
        restarts.session_restore,
    ),
    Rehearsal(
        "5",
        "Supervisor auto-restart",
        "three crashes are seen as such by a supervisor, and each start brings the bot back; a stop is seen as a stop",
        f"{_NO_CODE}, {_READY}",
        restarts.supervised,
    ),
    Rehearsal(
        "6",
        "Manual restart",
        "Ctrl+C and the same command again; what was written meanwhile is answered once",
        f"{_NO_CODE}, {_READY}, stopped under {targets.STOP_S:g} s",
        restarts.manual_restart,
    ),
    Rehearsal(
        "7",
        "Many consecutive restarts",
        "one restart after the other, every second one by kill -9",
        f"{targets.RESTARTS} restarts, {_NO_CODE}, {_READY}",
        restarts.many_restarts,
    ),
    Rehearsal(
        "8",
        "Device connection stability",
        "one login lasts, with a round trip every two seconds, and every message is answered",
        f"0 reconnects, answers under {targets.ANSWER_S:g} s",
        links.stability,
    ),
    Rehearsal(
        "9",
        "Session state accuracy",
        "`status` and device-status.json say what the server knows, whatever has happened",
        "6 of 6 moments agree",
        links.state_accuracy,
    ),
    Rehearsal(
        "10",
        "Backup creation",
        "made at a clean stop, when the link is stable, again and again, and by command; each is whole",
        f"under {targets.BACKUP_S:g} s, the newest 5 kept (or as many as you set)",
        copies.creation,
    ),
    Rehearsal(
        "11",
        "Corruption recovery",
        "the store is destroyed, then the newest backup too, then every backup",
        f"{_NO_CODE} while a good backup is left, {_READY}",
        damages.corruption,
    ),
    Rehearsal(
        "12",
        "Manual session clear",
        "`linda-bot clear` sets the session aside; the next start shows a code and goes back to no backup",
        "set aside, 1 QR code",
        damages.clear,
    ),
    Rehearsal(
        "13",
        "Restore time",
        "from the start of the process until the bot listens, five times",
        f"under {targets.READY_S:g} s",
        restarts.restore_time,
    ),
    Rehearsal(
        "14",
        "Backup size",
        "what a backup takes on the disk after the session was used",
        f"under {targets.BACKUP_MB:g} MB each",
        copies.size,
    ),
    Rehearsal(
        "15",
        "Resource usage",
        "memory of the bot and the client library's process, and open files, while messages are answered",
        f"under {targets.MEMORY_MB:g} MB, growth under {targets.MEMORY_GROWTH_MB:g} MB, "
        f"under {targets.OPEN_FILES} open files",
        resources.usage,
    ),
    Rehearsal(
        "process-crash",
        "Crash of the process",
        "kill -9; messages arrive while it is dead, and each is answered once",
        f"{_NO_CODE}, {_READY}, 3 of 3 answered",
        restarts.process_crash,
    ),
    Rehearsal(
        "client-crash",
        "Crash of the client",
        "the client library's process is killed, and the bot starts another one",
        f"{_NO_CODE}, listening again under {targets.READY_S:g} s",
        links.client_crash,
    ),
    Rehearsal(
        "power-loss",
        "Power loss",
        "both processes end at once in a burst of messages; once what is on the disk is torn",
        f"{_NO_CODE}, {_READY}",
        damages.power_loss,
    ),
    Rehearsal(
        "session-corruption",
        "Session corruption",
        "the session's files cut short, emptied, deleted, filled with junk, one after the other",
        f"{_NO_CODE}, {_READY}",
        damages.session_corruption,
    ),
    Rehearsal(
        "network-loss",
        "Loss of network",
        "the line is cut and nothing can be reached for a while",
        f"{_NO_CODE}, back under {targets.BACK_AFTER_LOSS_S:g} s, 2 of 2 answered",
        links.network_loss,
    ),
    Rehearsal(
        "device-removal",
        "Removal of the device",
        "the phone removes the device: the bot says so and can be linked anew without a restart",
        f"a new code under {targets.NOTICED_S:g} s, old files set aside",
        links.device_removal,
    ),
)


def pick(wish: str | None) -> Sequence[Rehearsal]:
    """Return the rehearsals that are named, comma between two, in the programme's order; all where none is.

    Raises UsageError for a name that there is not.
    """
    if wish is None:
        return PROGRAMME
    names = [each.name for each in PROGRAMME]
    wanted = {part.strip().lower() for part in wish.split(",") if part.strip()}
    for name in sorted(wanted - set(names)):
        near = [] if name.isdecimal() else difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        there_are = f"there are 1 to {_GUIDE}, {', '.join(names[_GUIDE:])}"
        raise UsageError(f"--only: there is no rehearsal {printable(name, _LONGEST)!r}; {hint}{there_are}")
    if not wanted:
        raise UsageError("--only: name rehearsals, for example 4,7,power-loss; --list shows them")
    return tuple(each for each in PROGRAMME if each.name in wanted)
