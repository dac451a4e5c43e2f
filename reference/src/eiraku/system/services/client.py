"""A carrier over HTTP, by httpx (specification, chapter 16).

Every request is sent again with the very same bytes, after a pause that doubles, while nothing comes back or
the service says that it passes; what is still unanswered then is ServiceUnreachable.
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from eiraku.reference.crypto import cose
from eiraku.spec.bulletins import Bulletin, Changed, Whole
from eiraku.spec.errors import Misuse
from eiraku.spec.key_lists import Centre
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable

COSE = "application/cose"
OCTETS = "application/octet-stream"
_AGAIN = {429, 502, 503, 504}
_NO_STATEMENT = {"internal", "unavailable", "timeout"}
"""Codes that say nothing about whether the request was carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`tries`: how often the same bytes are sent; `pause`: seconds before the second time, then doubled."""

    tries: int = 5
    pause: float = 0.1
    timeout: float = 10.0


class HttpService:
    """One HTTP server. `base`: such as `https://bank.example:8731`; `ca`: PEM file of who signs its
    certificate, if not one that the system trusts; `cert`: our own certificate and key, if it asks for one.
    """

    def __init__(
        self,
        base: str,
        *,
        ca: Path | None = None,
        cert: tuple[Path, Path] | None = None,
        patience: Patience = Patience(),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises Misuse."""
        _check(base)
        self.base = base.rstrip("/")
        self._patience = patience
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=self.base,
            timeout=patience.timeout,
            verify=_context(ca, cert) if self.base.startswith("https://") else False,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
        )

    def send(self, verb: str, path: str, body: bytes | None = None, kind: str = COSE) -> httpx.Response:
        """One answer that is no refusal. Raises ServiceRefused, ServiceUnreachable."""
        pause, why = self._patience.pause, ""
        refused: ServiceRefused | None = None
        for attempt in range(self._patience.tries):
            if attempt:
                self._sleep(pause)
                pause *= 2
            try:
                headers = {} if body is None else {"Content-Type": kind}
                response = self._client.request(verb, path, content=body, headers=headers)
            except httpx.HTTPError as error:
                refused, why = None, f"{type(error).__name__}: {error}"
                continue
            if response.is_success:
                return response
            refused = _refused(response)
            if response.status_code not in _AGAIN:
                break
        if refused is None or refused.code in _NO_STATEMENT:
            said = why or str(refused)
            raise ServiceUnreachable(f"{self.base}: no answer ({said}); try again later")
        raise refused

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpSession:
    """Implements `carrier.Session`. `is_open`: as the service said last."""

    def __init__(self, service: HttpService, path: str, name: bytes) -> None:
        self._service = service
        self._path = f"{path}/sessions/{name.hex()}"
        self._number = 0
        self.is_open = True

    def exchange(self, data: bytes) -> bytes | None:
        """See `carrier.Session`."""
        self._number += 1
        response = self._service.send("POST", f"{self._path}/{self._number}", data, OCTETS)
        self.is_open = response.headers.get("Eiraku-Session") == "open"
        return None if response.status_code == 204 else response.content


class HttpCarrier:
    """Implements `carrier.Carrier`. `path`: `issuing-centre`, `device-centre` or `vaults/<number in hex>`."""

    def __init__(self, service: HttpService, path: str) -> None:
        self._service = service
        self._path = f"/epp1/{path}"

    def open(self) -> HttpSession:
        """See `carrier.Carrier`."""
        response = self._service.send("POST", f"{self._path}/sessions", b"", OCTETS)
        return self.resume(response.content)

    def resume(self, name: bytes) -> HttpSession:
        """The session with this name, which a vault gave for a pay-out."""
        if len(name) != 16:
            raise ServiceUnreachable(f"expected a session name of 16 bytes, found {len(name)}")
        return HttpSession(self._service, self._path, name)

    def request(self, signed: bytes) -> bytes:
        """See `carrier.Carrier`."""
        return self._service.send("POST", f"{self._path}/requests", signed).content

    def keys(self, centre: Centre) -> bytes:
        """See `carrier.Carrier`."""
        return self._service.send("GET", f"/epp1/keys/{centre.value}").content

    def bulletin(self, epoch: int) -> bytes:
        """See `carrier.Carrier`. Raises Refusal for what is no bulletin."""
        return update(self._service, epoch)


def update(service: HttpService, epoch: int) -> bytes:
    """An update to the newest bulletin, for a purse that holds the one of `epoch`; 0 for none.

    Raises ServiceRefused, ServiceUnreachable, Refusal for what is no bulletin.
    """
    signed = service.send("GET", "/epp1/bulletin").content
    said = Bulletin.decode(cose.parse(signed).payload)
    if said.epoch <= epoch:
        return Whole(signed=signed, chunks=()).encode()
    path = f"/epp1/bulletin/{said.epoch}"
    if epoch:
        try:
            delta = service.send("GET", f"{path}/deltas/{epoch}").content
        except ServiceRefused as refused:
            if refused.code != "not-found":
                raise
        else:
            return Changed(signed=signed, delta=delta).encode()
    chunks = tuple(service.send("GET", f"{path}/chunks/{n}").content for n in range(len(said.chunks)))
    return Whole(signed=signed, chunks=chunks).encode()


def _check(base: str) -> None:
    try:
        parsed = httpx.URL(base)
        good = parsed.scheme in {"http", "https"} and parsed.host and not parsed.query
    except httpx.InvalidURL:
        good = False
    if not good:
        raise Misuse(f"{base}: expected an address such as https://bank.example:8731")


def _context(ca: Path | None, cert: tuple[Path, Path] | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if cert is not None:
            context.load_cert_chain(*cert)
    except (OSError, ssl.SSLError) as error:
        raise Misuse(f"{ca}: expected a PEM file of certificates ({error}); name the right one") from None
    return context


def _refused(response: httpx.Response) -> ServiceRefused:
    try:
        said = response.json()
    except ValueError:
        said = None
    if isinstance(said, dict) and {"code", "requirement", "detail"} <= said.keys():
        return ServiceRefused(str(said["code"]), str(said["requirement"]), str(said["detail"]))
    detail = f"HTTP {response.status_code}, not in the form of chapter 16; check the address"
    return ServiceRefused("internal", "EPP-SVC-008", detail)
