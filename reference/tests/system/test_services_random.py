"""Thousands of random requests to a real scheme, in one process: each is refused, and nothing changes."""

import asyncio
import io
import random
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor
from eiraku.spec.centre_objects import CONTEXT_REQUEST, Request
from eiraku.spec.objects import Role
from eiraku.system.exchange.codes import STATUS
from eiraku.system.scheme.settings import DEFAULT
from eiraku.system.services import scheme as schemes
from eiraku.system.services.app import create_app
from eiraku.system.services.enrolment import first_request
from eiraku.system.services.observe import Log, Metrics
from eiraku.system.services.requests import vault_audience
from eiraku.system.services.scheme import Scheme, holder_hash

pytestmark = pytest.mark.slow

COUNT = 2000
KEY = SigningKey(bytes(range(32)))
FREE = "[limits]\nclient_rate = 1e6\nclient_burst = 1000000\n[sessions]\nnames = 8\npatience = 0.01\n"
METHODS = ("issue", "receipt", "account", "claim", "cases", "suspect", "renew", "challenge", "pay-out", "")


class Monkey:
    """Makes requests that are nearly right, and some that are not."""

    def __init__(self, scheme: Scheme, chance: random.Random) -> None:
        self.chance = chance
        vault = scheme.vaults["alice"]
        self.services = {
            "issuing-centre": "issuing-centre",
            "device-centre": "device-centre",
            f"vaults/{vault.number.hex()}": vault_audience(vault.number),
        }
        purse_id = scheme.directory.registry.purses.register(
            KEY.public,
            role=Role.PERSON,
            tier=1,
            holder=holder_hash("alice"),
            economy=392,
            expires=1001,
        )
        self.number = parse_purse_id(purse_id).claims.number

    def junk(self, most: int) -> bytes:
        return self.chance.randbytes(self.chance.randint(0, most))

    def item(self, depth: int = 0) -> cbor.Item:
        kind = self.chance.randint(0, 7 if depth < 3 else 4)
        if kind > 4:
            return tuple(self.item(depth + 1) for _ in range(self.chance.randint(0, 5)))
        made: tuple[cbor.Item, ...] = (
            self.chance.choice([0, 1, -1, 392, 2**53 - 1, 2**63]),
            self.junk(40),
            None,
            "text",
            self.chance.random() < 0.5,
        )
        return made[kind]

    def signed(self, audience: str) -> bytes:
        """By a purse that nobody knows; or by a known one, and then bent, cut or extended."""
        known = self.chance.random() < 0.7
        request = Request(
            audience=audience,
            method=self.chance.choice(METHODS),
            purse=self.number if known else self.chance.randbytes(8),
            sequence=self.chance.randint(1, 9),
            body=cbor.encode(self.item()),
        )
        good = bytearray(cose.sign(KEY, CONTEXT_REQUEST, request.encode()))
        match self.chance.randint(0 if known else -1, 2):
            case 0:
                good[self.chance.randrange(len(good))] ^= 1 << self.chance.randrange(8)
            case 1:
                del good[self.chance.randrange(len(good)) :]
            case 2:
                good += self.junk(5) + b"\0"
        return bytes(good)

    def one(self) -> httpx.Request:
        path, audience = self.chance.choice(list(self.services.items()))
        match self.chance.randint(0, 5):
            case 0:
                kind = self.chance.choice(["cose", "octet-stream", "json"])
                return self.post(f"{path}/requests", self.junk(300), kind)
            case 1 | 2:
                return self.post(f"{path}/requests", self.signed(audience), "cose")
            case 3:
                name = self.chance.choice(["00" * 16, "ff" * 15, "x"])
                return self.post(f"{path}/sessions/{name}/{self.chance.randint(-1, 3)}", b"x", "octet-stream")
            case 4:
                code = self.junk(8).hex()
                return self.post(
                    "enrolments", first_request(KEY, code)[: self.chance.randint(1, 400)], "cose"
                )
            case _:
                return self.post(f"{path}/{self.junk(4).hex()}", self.junk(9), "cose")

    def post(self, path: str, content: bytes, kind: str) -> httpx.Request:
        headers = {"Content-Type": f"application/{kind}"}
        return httpx.Request("POST", f"http://here/epp1/{path}", content=content, headers=headers)


@pytest.fixture
def scheme(tmp_path: Path) -> Iterator[Scheme]:
    schemes.create(tmp_path / "money", DEFAULT, text=f"{FREE}[vaults]\nalice = 392\n")
    with schemes.open_(tmp_path / "money") as opened:
        yield opened


def digest(folder: Path) -> bytes:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return sha256(b"".join(path.read_bytes() for path in paths)).digest()


def test_random_requests_change_nothing(scheme: Scheme) -> None:
    # EPP-SVC-041, EPP-SVC-005, EPP-SVC-052, EPP-SVC-008
    log = io.StringIO()
    app = create_app(scheme.office(), log=Log(log), metrics=Metrics(), clock=time.monotonic)
    monkey = Monkey(scheme, random.Random(16))
    before = digest(scheme.directory.path)
    codes: dict[str, int] = {}

    async def run() -> None:
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            for _ in range(COUNT):
                response = await http.send(monkey.one())
                code = response.json()["code"]
                assert STATUS[code] == response.status_code
                codes[code] = codes.get(code, 0) + 1

    asyncio.run(run())
    assert digest(scheme.directory.path) == before
    assert set(codes) >= {"malformed", "authentication", "session-unknown", "not-found", "media-type"}
    assert set(codes) <= set(STATUS) - {"internal", "unavailable", "timeout"}
    assert log.getvalue().count("\n") == COUNT
