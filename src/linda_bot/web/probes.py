"""Probes for supervisors, load balancers and Prometheus: short, and nothing in them is secret."""

from http import HTTPStatus

from aiohttp import web

from linda_bot.app.front import Front
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.masking import mask_line
from linda_bot.web.api import answered, metrics, route_of
from linda_bot.web.operations import PROBES, Wellness
from linda_bot.web.problems import problem
from linda_bot.web.routes import Handler, Route


def probe_routes(front: Front) -> list[Route]:
    """Return the routes of the probes."""

    async def healthz(_request: web.Request) -> web.Response:
        return answered(Wellness(status="ok"))  # whoever answers is alive

    async def readyz(_request: web.Request) -> web.Response:
        state, because = front.link.state, front.chronicle.because
        if state is LinkState.CONNECTED:
            return answered(Wellness(status="ready"))
        why = f": {mask_line(because)}" if because else ""
        detail = f"the link is {state.replace('_', ' ')}{why}"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="not-ready", title="Not ready")

    async def probe_metrics(_request: web.Request) -> web.Response:
        return await metrics(front)

    handlers: dict[str, Handler] = {"healthz": healthz, "readyz": readyz, "probe-metrics": probe_metrics}
    return [route_of(operation, handlers[operation.name]) for operation in PROBES]
