"""The reference purse meets a purse that a program makes on an EDHOC library, message by message.

The programs are in `reference/tests/purse/edhoc_stacks`. They take NAME=VALUE, speak in lines of hexadecimal
digits, and say in the end which keys they have, or why they stopped.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference.device import Rejected, Result
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Party
from eiraku.reference.purse import handshake
from eiraku.reference.purse.state import PayOrder
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch
from eiraku.testing.processes import PATIENCE
from eiraku.testing.purses import World

SANITIZE = "-fsanitize=address,undefined"
HONEST = handshake.party
REFUSED = b"\x01\x60"
"""EPP-SES-016."""
SIDES = pytest.mark.parametrize("side", Side)
"""Which side the purse on the library is."""


def compiled(name: str, libraries: Sequence[str], sources: Path, out: Path) -> Path:
    """The program `name` of the folder `sources`, on OpenSSL and on libraries that somebody else makes.

    EIRAKU_NAME in the environment is the folder with their `include` and `lib`; without it, skips the test.
    """
    variable = f"EIRAKU_{name.upper()}"
    given, compiler = os.environ.get(variable), shutil.which("cc")
    if given is None:
        pytest.skip(f"{variable} does not name a folder with {name}: see docs/howto/edhoc-library.md")
    if compiler is None:
        pytest.skip("no C compiler cc")
    folder, files = Path(given), [sources / f"{file}.c" for file in (name, "epp", "crypto")]
    flags = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", SANITIZE, "-fno-sanitize-recover=all")
    include, search = f"-I{folder / 'include'}", f"-L{folder / 'lib'}"
    linked = [f"-l{name}" for name in (*libraries, "crypto")]
    command: list[str | Path] = [compiler, *flags, include, *files, "-o", out, search, *linked]
    subprocess.run(command, check=True)  # noqa: S603 - our own program
    return out


@dataclass(kw_only=True)
class Bout:
    """What happened: lengths of the messages, what each side says in the end."""

    sent: list[bytes] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """What the program prints: `prk-out`, `com-ka`, `com-kb`, `peer`; or `refused`, `peer-error`."""

    @property
    def sizes(self) -> list[int]:
        """Bytes of each message."""
        return [len(message) for message in self.sent]

    @property
    def codes(self) -> list[Code]:
        """What the reference refused with."""
        return [result.refusal.code for result in self.results if isinstance(result, Rejected)]


Alter = Callable[[int, bytes], bytes]


@dataclass(kw_only=True)
class Ring:
    """A world with a reference purse that pays 4, and one on the library that meets it."""

    world: World
    manner: dict[str, Any] = field(default_factory=dict)
    """Fields of the reference's `Party` that are other than usual."""
    patches: Sequence[Patch] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    """Of both purse IDs, other than usual."""
    padding: Sequence[Ead] = ()
    """After the reference's purse ID in EAD_2 or EAD_3."""

    def party(self, *given: Any) -> Party[Any]:
        """The reference's side of EDHOC, in its manner."""
        made = HONEST(*given)
        return replace(made, credential_ead=(*made.credential_ead, *self.padding), **self.manner)

    def meet(self, program: Path, side: Side, alter: Alter = lambda _, data: data, **arguments: Any) -> Bout:
        """One handshake; `side` is the program's. `alter` may change the n-th message, from 1."""
        party: Patch = (handshake, "party", self.party)
        self.reference = self.world.purse([4, 4], patches=(party, *self.patches), **self.claims)
        given = self.world.provisioning(**self.claims)
        named = {
            "role": side.name.lower(),
            "suite": 4,
            "connection-id": b"\x00",
            "scheme-key": self.world.scheme_key,
            "key": given.private_key,
            "device-key": self.world.device_centre.keys[0].key.public,
            "purse-id": given.purse_id,
        } | {name.replace("_", "-"): value for name, value in arguments.items()}
        words = (f"{k}={v.hex() if isinstance(v, bytes) else v}" for k, v in named.items())
        device, bout = self.reference.device, Bout()
        device.order(PayOrder(amount=4))
        ours = Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR
        pipe = subprocess.PIPE
        with subprocess.Popen(  # noqa: S603 - our own program
            [program, *words], stdin=pipe, stdout=pipe, text=True
        ) as process:
            writes, reads = process.stdin, process.stdout
            if writes is None or reads is None:
                raise AssertionError("a process without the pipes that it was given")

            def say(result: Result) -> None:
                bout.results.append(result)
                # the fourth message ends the handshake; what follows is a record
                if result.out is None or len(bout.sent) >= 4:
                    # nothing more will come; but a responder has not yet been asked
                    if bout.sent:
                        writes.close()
                    return
                bout.sent.append(alter(len(bout.sent) + 1, result.out))
                writes.write(bout.sent[-1].hex() + "\n")
                writes.flush()

            say(device.open(ours))
            for line in reads:
                name, _, value = line.strip().partition(" ")
                if name == "send":
                    bout.sent.append(alter(len(bout.sent) + 1, bytes.fromhex(value)))
                    say(device.deliver(bout.sent[-1]))
                else:
                    bout.told[name] = value
            status = process.wait(PATIENCE)
        if status != int("prk-out" not in bout.told):
            raise AssertionError(f"the program ended with {status} and says {bout.told}")
        return bout
