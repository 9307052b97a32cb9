"""What an account is made of, once its link has begun."""

from typing import TYPE_CHECKING, NamedTuple

from linda_bot.app.core import Core
from linda_bot.app.ears import Ears
from linda_bot.app.health import HealthRoom
from linda_bot.app.job import Job
from linda_bot.app.messages import Messages
from linda_bot.kernel.bus import EventBus

if TYPE_CHECKING:  # at the start nothing of it is needed yet
    from linda_bot.app.front import Front
    from linda_bot.eventlog.open import Levels
    from linda_bot.health.alerting.setup import Alerting


class Parts(NamedTuple):
    """What has been built until the link begins."""

    job: Job
    bus: EventBus
    ears: Ears
    core: Core
    talk: Messages
    health: HealthRoom
    alerts: "Alerting | None"

    def front(self, levels: "Levels") -> "Front":
        """Return what doors may ask of it."""
        from linda_bot.app.front import Front, Hooks

        hooks = Hooks(
            health=self.health.report,
            metrics=self.health.metrics,
            facts=self.health.facts,
            set_log_level=lambda level: levels.set(level, "asked by the control API"),
        )
        core, ears = self.core, self.ears
        past = (ears.chronicle, ears.pairing)
        return Front(self.job, self.bus, core.link, ears.book, core.keeper, core.guard, self.talk, *past, hooks)
