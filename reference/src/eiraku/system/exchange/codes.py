"""Codes by which a service refuses, with their HTTP status (specification, chapter 16).

Refusals that chapter 10 names (by `eiraku.spec.errors.Code`) keep their label and have status 422.
"""

from eiraku.spec.errors import Code

STATUS = {
    "malformed": 400,
    "authentication": 401,
    "wrong-audience": 403,
    "purse-revoked": 403,
    "not-allowed": 403,
    "enrolment-code": 403,
    "tls-required": 403,
    "not-found": 404,
    "unknown-method": 404,
    "session-unknown": 404,
    "wrong-verb": 405,
    "request-replayed": 409,
    "session-order": 409,
    "account": 409,
    "too-large": 413,
    "media-type": 415,
    "refused": 422,
    "rate-limited": 429,
    "internal": 500,
    "busy": 503,
    "sessions-full": 503,
    "suspended": 503,
    "timeout": 503,
    "unavailable": 503,
}
"""HTTP status of every code of a service."""

RETRY_AFTER = {"rate-limited", "busy", "sessions-full", "suspended", "timeout", "unavailable"}
"""Codes that pass: the same bytes may be sent again, after the seconds that `Retry-After` says."""

_PROTOCOL = {code.label for code in Code}


def status(code: str) -> int:
    """HTTP status of a code. Raises KeyError for one that is not in chapter 10 nor 16."""
    found = STATUS.get(code)
    if found is None and code in _PROTOCOL:
        return 422
    return STATUS[code]
