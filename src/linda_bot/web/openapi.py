"""The OpenAPI document of what can be asked, made from the table of operations. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from linda_bot import __version__
from linda_bot.web.operations import JSON, PROBLEMS, Operation
from linda_bot.web.problems import PROBLEM_TYPE, Problem
from linda_bot.web.visitors import Right

_PART = re.compile(r"{(\w+)}")
_REF = "#/components/schemas/{name}"
_ABOUT = (
    "The control API of a running linda-bot. Over the bot's unix socket nothing has to be proven; over TCP a token is "
    "needed for everything but the probes, or, where none is set, for everything but reading."
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "LINDA_HTTP_TOKEN."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "linda-bot-8080",
        "description": "Of a browser that has logged in; the number in its name is the port. What is not a GET needs "
        "the page's X-CSRF-Token, too.",
    },
}
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate", "How to prove who asks."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After", "After so many seconds."),
}


def document(operations: Sequence[Operation], probes: Sequence[Operation]) -> dict[str, Any]:
    """Return the document; it is to be served at `/api/v1/openapi.json`, under whatever prefix."""
    kinds = _kinds([*operations, *probes])
    _, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for tag, group in (("control", operations), ("probes", probes)):
        for operation in group:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, tag)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "linda-bot",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "../..", "description": "Relative to where this document is."}],
        "tags": [
            {"name": "control", "description": "Ask how the bot is, and have it do something."},
            {"name": "probes", "description": "For supervisors, load balancers and Prometheus."},
        ],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _kinds(operations: Iterable[Operation]) -> list[type[msgspec.Struct]]:
    kinds: dict[type[msgspec.Struct], None] = {Problem: None}
    for operation in operations:
        kinds.update(dict.fromkeys(kind for kind in (operation.body, operation.answer) if kind is not None))
    return list(kinds)


def _described(operation: Operation, tag: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [tag],
        "security": _security(operation.needs),
        "responses": _responses(operation),
    }
    if parameters := [*_parts_of(operation.path), *_parameters(operation.query)]:
        found["parameters"] = parameters
    if operation.body is not None:
        is_needed = any(field.required for field in msgspec.structs.fields(operation.body))
        found["requestBody"] = {"required": is_needed, "content": {JSON: {"schema": _ref(operation.body)}}}
    return found


def _security(needs: Right) -> list[dict[str, list[str]]]:
    proofs: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
    match needs:
        case Right.NONE:
            return []
        case Right.READ:
            return [*proofs, {}]  # where no token is set everybody may look
        case _:
            return proofs


def _responses(operation: Operation) -> dict[str, Any]:
    answer = {"description": "The answer", "content": _content(operation)}
    found: dict[int, Any] = {HTTPStatus.OK: answer}
    for status in operation.statuses:
        found[status] = _problem(status)
    if operation.answers_unwell:
        found[HTTPStatus.SERVICE_UNAVAILABLE] = {**answer, "description": "The answer, where the bot is not well"}
    return {str(int(status)): found[status] for status in sorted(found)}


def _content(operation: Operation) -> dict[str, Any]:
    schema = {"type": "string"} if operation.answer is None else _ref(operation.answer)
    return {media: {"schema": schema} for media in operation.media}


def _problem(status: HTTPStatus) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": PROBLEMS[status],
        "content": {PROBLEM_TYPE: {"schema": _ref(Problem)}},
    }
    if status in _HEADERS:
        name, description = _HEADERS[status]
        found["headers"] = {name: {"description": description, "required": True, "schema": {"type": "string"}}}
    return found


def _parts_of(path: str) -> list[dict[str, Any]]:
    """Return the parameters that stand in a path."""
    schema = {"type": "string"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _PART.findall(path)]


def _parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    (_, components) = msgspec.json.schema_components([query], ref_template=_REF)
    properties: Mapping[str, dict[str, Any]] = components[query.__name__].get("properties", {})
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()]


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}
