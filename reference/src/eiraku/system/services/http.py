"""Reading a body within limits, and writing a refusal: the small change of HTTP (EPP-SVC-004, -047, -053)."""

import asyncio
import json

from fastapi import Request, Response

from eiraku.spec.errors import Unavailable
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.codes import RETRY_AFTER, status
from eiraku.system.services.observe import frames

COSE = "application/cose"
CBOR = "application/cbor"
OCTETS = "application/octet-stream"
MESSAGE_MAX = 66_000
"""A record of 65 535 bytes of plaintext and what is around it, in bytes."""


async def read_body(request: Request, *, kind: str, limit: int, seconds: float) -> bytes:
    """The body, at most `limit` bytes of media type `kind`. Raises ServiceRefused."""
    # EPP-SVC-063
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise ServiceRefused("media-type", "EPP-SVC-063", f"expected Content-Type: {kind}")
    declared = request.headers.get("content-length", "0")
    # EPP-SVC-004
    if not declared.isdecimal() or int(declared) > limit:
        raise ServiceRefused("too-large", "EPP-SVC-004", f"expected at most {limit} bytes")
    try:
        # EPP-SVC-047
        async with asyncio.timeout(seconds):
            return await _gather(request, limit)
    except TimeoutError:
        detail = f"expected the whole body within {seconds:g} seconds"
        raise ServiceRefused("timeout", "EPP-SVC-047", detail) from None


async def _gather(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        # EPP-SVC-004: without a length, or with a false one, the limit holds while reading
        if len(body) > limit:
            raise ServiceRefused("too-large", "EPP-SVC-004", f"expected at most {limit} bytes")
    return bytes(body)


def refusal(error: Exception, request_id: str) -> tuple[Response, str, dict[str, object]]:
    """What the client is told, the code, and what only the log is told: a defect with its traceback."""
    if isinstance(error, ServiceRefused):
        body = {"code": error.code, "requirement": error.requirement, "detail": error.detail}
        return _json(body, error.code, request_id), error.code, {"requirement": error.requirement}
    # EPP-SVC-053: nothing of the inside
    code = "unavailable" if isinstance(error, Unavailable) else "internal"
    detail = "the service has failed; send the very same request again later"
    body = {"code": code, "requirement": "EPP-SVC-053", "detail": detail}
    told: dict[str, object] = {"error": type(error).__name__}
    told |= {"reason": str(error)} if code == "unavailable" else {"traceback": frames(error)}
    return _json(body, code, request_id), code, told


def _json(body: dict[str, str], code: str, request_id: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if code in RETRY_AFTER:
        headers["Retry-After"] = "1"
    # What was not read to its end cannot be skipped.
    if code in {"too-large", "timeout", "media-type"}:
        headers["Connection"] = "close"
    content = json.dumps({**body, "request": request_id})
    return Response(content, status_code=status(code), media_type="application/json", headers=headers)
