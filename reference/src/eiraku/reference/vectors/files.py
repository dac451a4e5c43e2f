"""The files that the reference writes; ``eiraku maintain vectors --write`` puts them where they belong."""

from collections.abc import Callable, Mapping

from eiraku.reference.vectors import revoked, session, signed
from eiraku.spec.vectors.forms import File

FILES: Mapping[str, Callable[[], File]] = {
    "keys.json": signed.keys,
    "objects.json": signed.signed_objects,
    "revoked.json": revoked.revoked,
    "sealing.json": signed.sealing,
    "session.json": session.session,
    "transfer.json": session.transfer,
}
"""Each file by its name, and what makes its content."""
