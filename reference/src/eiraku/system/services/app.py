"""The services over HTTP (specification, chapter 16): paths, bodies, headers, refusals.

Everything happens in `Service`, in a worker thread; here is only what HTTP adds. Each request has an id, one
line in the log, and an answer in the form of EPP-SVC-008.
"""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eiraku.spec.centre_objects import REQUEST_MAX
from eiraku.spec.key_lists import Centre
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.trust import SCHEME_KEYS
from eiraku.system.services import page
from eiraku.system.services.http import CBOR, COSE, MESSAGE_MAX, OCTETS, read_body, refusal
from eiraku.system.services.limits import Buckets, client_key
from eiraku.system.services.observe import Log, Metrics
from eiraku.system.services.office import Office
from eiraku.system.services.requests import method_of
from eiraku.system.services.service import Service

SESSION = "Eiraku-Session"
REQUEST_ID = "Eiraku-Request"
SECRET: Mapping[str | None, str] = {
    SCHEME_KEYS: "EPP-SVC-031",
    "challenge": "EPP-DEV-093",
    "self-report": "EPP-DEV-093",
}
"""Methods that need TLS, and by which requirement."""
_VAULT = re.compile(r"/vaults/[0-9a-f]{16}")
QUIET = {"/health", "/metrics"}


def create_app(office: Office, *, log: Log, metrics: Metrics, clock: Callable[[], float]) -> FastAPI:
    """The ASGI application."""
    app = FastAPI(
        title="Eiraku services",
        version="1",
        description="Centres and vaults of EPP/1, chapter 16.",
        docs_url=None,
        redoc_url=None,
        # Starlette's redirect of a trailing slash would be a second spelling of every path.
        redirect_slashes=False,
    )
    app.add_middleware(_Front, office=office, log=log, metrics=metrics, clock=clock)
    app.add_exception_handler(HTTPException, _unknown_route)
    _common(app, office, metrics)
    for path, service in office.services.items():
        _requests(app, path, service, office)
        if service.sessions is not None:
            _sessions(app, path, service, office)
    return app


class _Front:
    """Before and after every request: id, rate limit, refusals, log."""

    def __init__(
        self, app: ASGIApp, *, office: Office, log: Log, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._app, self._log, self._metrics = app, log, metrics
        self._buckets = Buckets(limit=office.settings.limits.client, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began = secrets.token_hex(8), time.perf_counter()
        code, told, begun = "", dict[str, object](), False

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = [*message["headers"], (REQUEST_ID.lower().encode(), request_id.encode())]
                message = {**message, "headers": headers}
                seconds = time.perf_counter() - began
                # Whoever has an answer finds it in the log.
                self._record(scope, request_id, message["status"], code=code, seconds=seconds, told=told)
            await send(message)

        try:
            if scope["path"] not in QUIET:
                self._buckets.take(client_key(_address(scope)))
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            # What has begun to be answered cannot be answered otherwise.
            if begun:
                raise
            response, code, told = refusal(error, request_id)
            await response(scope, receive, send_with_id)

    def _record(
        self,
        scope: Scope,
        request_id: str,
        status: int,
        *,
        code: str,
        seconds: float,
        told: dict[str, object],
    ) -> None:
        # EPP-SVC-054: not which vault either
        route = _VAULT.sub("/vaults/{vault}", getattr(scope.get("route"), "path", "none"))
        self._metrics.requests.labels(route, code or "done").inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if said := scope.get("state", {}).get("purse_said"):
            told = {**told, "purse_said": said}
        # EPP-SVC-052
        self._log.line(
            "request",
            id=request_id,
            client=_address(scope),
            verb=scope["method"],
            route=route,
            status=status,
            code=code,
            seconds=round(seconds, 6),
            **told,
        )


async def _unknown_route(_request: Request, error: Exception) -> Response:
    wrong_verb = isinstance(error, HTTPException) and error.status_code == 405
    code = "wrong-verb" if wrong_verb else "not-found"
    raise ServiceRefused(code, "EPP-SVC-063", "expected a path and verb of chapter 16; see /openapi.json")


def _body(kind: str, text: str) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "description": text, "content": content}}


def _binary(kind: str, text: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    refused = {"application/json": {"schema": page.REFUSAL}}
    return {
        status: {"description": text, "content": content},
        "default": {"description": "Refused.", "content": refused},
    }


def _common(app: FastAPI, office: Office, metrics: Metrics) -> None:
    bulletins = office.bulletins

    @app.get("/epp1/bulletin", response_class=Response, responses=_binary(COSE, "The newest bulletin."))
    async def bulletin() -> Response:
        """Newest bulletin, as signed."""
        return Response(await run_in_threadpool(bulletins.signed), media_type=COSE)

    @app.get(
        "/epp1/bulletin/{epoch}/chunks/{index}",
        response_class=Response,
        responses=_binary(OCTETS, "One chunk."),
    )
    async def chunk(epoch: str, index: str) -> Response:
        """Chunk of the newest bulletin, counted from 0."""
        found = await run_in_threadpool(bulletins.chunk, _decimal(epoch), _decimal(index))
        if found is None:
            raise ServiceRefused("not-found", "EPP-SVC-063", "expected a chunk of the newest bulletin")
        return Response(found, media_type=OCTETS)

    @app.get(
        "/epp1/bulletin/{epoch}/deltas/{since}",
        response_class=Response,
        responses=_binary(CBOR, "The delta."),
    )
    async def delta(epoch: str, since: str) -> Response:
        """Delta to the newest bulletin from that of an earlier epoch (EPP-DEV-029)."""
        found = await run_in_threadpool(bulletins.delta, _decimal(epoch), _decimal(since))
        if found is None:
            raise ServiceRefused("not-found", "EPP-SVC-063", "there is no such delta; ask for the chunks")
        return Response(found, media_type=CBOR)

    @app.get("/epp1/keys/{centre}", response_class=Response, responses=_binary(COSE, "A key list."))
    async def keys(centre: str) -> Response:
        """Newest key list of the device or the issuing centre (`device`, `money`), as signed."""
        if centre not in set(Centre):
            raise ServiceRefused("not-found", "EPP-SVC-030", f"expected one of {', '.join(Centre)}")
        return Response(await run_in_threadpool(office.keys, Centre(centre)), media_type=COSE)

    @app.post(
        "/epp1/enrolments",
        response_class=Response,
        responses=_binary(CBOR, "Everything for a new purse."),
        openapi_extra=_body(COSE, "The first request of a purse (EPP-SVC-009)."),
    )
    async def enrol(request: Request) -> Response:
        """A new purse gets its purse ID for a code of the operator."""
        # EPP-SVC-069
        _need_tls(request, "EPP-SVC-069")
        signed = await read_body(request, kind=COSE, limit=REQUEST_MAX, seconds=office.settings.times.body)
        return Response(await run_in_threadpool(office.enrol, signed), media_type=CBOR)

    @app.get("/health")
    async def health(response: Response) -> dict[str, Any]:
        """Whether it can do its work: 200, or 503."""
        found = await run_in_threadpool(office.health)
        response.status_code = 200 if found.good else 503
        return {"good": found.good, **found.facts}

    @app.get("/metrics", response_class=Response)
    async def text() -> Response:
        """Prometheus text format."""
        return Response(await run_in_threadpool(metrics.text), media_type="text/plain; version=0.0.4")

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> str:
        return page.render(app.openapi())


def _decimal(text: str) -> int:
    """A number of a path, in its one spelling. Raises ServiceRefused."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,9}", text):
        raise ServiceRefused("not-found", "EPP-SVC-008", "expected a decimal number without leading zeros")
    return int(text)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _need_tls(request: Request, rule: str) -> None:
    if request.url.scheme != "https" and not _loopback(request):
        raise ServiceRefused("tls-required", rule, "expected TLS: use an https:// address")


def _loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _requests(app: FastAPI, path: str, service: Service, office: Office) -> None:
    @app.post(
        f"/epp1/{path}/requests",
        name=f"{path} request",
        response_class=Response,
        responses=_binary(CBOR, "The answer, by method."),
        openapi_extra=_body(COSE, "A signed request (EPP-SVC-002)."),
    )
    async def carry_out(request: Request) -> Response:
        """A signed request."""
        signed = await read_body(request, kind=COSE, limit=REQUEST_MAX, seconds=office.settings.times.body)
        if (rule := SECRET.get(method_of(signed))) is not None:
            _need_tls(request, rule)
        return Response(await run_in_threadpool(service.request, signed), media_type=CBOR)


def _sessions(app: FastAPI, path: str, service: Service, office: Office) -> None:
    @app.post(
        f"/epp1/{path}/sessions",
        name=f"{path} session",
        status_code=201,
        response_class=Response,
        responses=_binary(OCTETS, "The name of the session, 16 bytes.", 201),
    )
    async def begin(request: Request) -> Response:
        """A new session with the purse behind the service, which will receive."""
        name = await run_in_threadpool(service.open, client_key(_address(request.scope)))
        return Response(name, status_code=201, media_type=OCTETS, headers={SESSION: "open"})

    @app.post(
        f"/epp1/{path}/sessions/{{name}}/{{number}}",
        name=f"{path} message",
        response_class=Response,
        responses=_binary(OCTETS, "The answer of the purse.") | {204: {"description": "It says nothing."}},
        openapi_extra=_body(OCTETS, "One message of chapters 5 to 8."),
    )
    async def deliver(name: str, number: str, request: Request) -> Response:
        """The number-th message of a session, counted from 1."""
        # EPP-SVC-056, EPP-SVC-006
        if len(name) != 32 or set(name) - set("0123456789abcdef"):
            raise ServiceRefused("session-unknown", "EPP-SVC-056", "expected a name of 32 hex digits")
        if not number.isascii() or not number.isdecimal() or len(number) > 4:
            raise ServiceRefused("session-order", "EPP-SVC-006", "expected a number counted from 1")
        data = await read_body(request, kind=OCTETS, limit=MESSAGE_MAX, seconds=office.settings.times.body)
        call = partial(service.message, bytes.fromhex(name), int(number), data)
        answer = await run_in_threadpool(call)
        request.state.purse_said = answer.code
        headers = {SESSION: "open" if answer.is_open else "closed"}
        if answer.out is None:
            return Response(status_code=204, headers=headers)
        return Response(answer.out, media_type=OCTETS, headers=headers)
