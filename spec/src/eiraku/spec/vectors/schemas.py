"""Every file of vectors with its type; ``eiraku maintain schema --write`` writes a schema beside each."""

from collections.abc import Mapping

from eiraku.spec.vectors import forms, negative_forms, other_forms

KINDS: Mapping[str, type[forms.File]] = {
    "keys.json": forms.Keys,
    "objects.json": forms.Objects,
    "revoked.json": forms.Revoked,
    "sealing.json": forms.Sealing,
    "session.json": forms.Session,
    "transfer.json": forms.Transfer,
    "negative-encoding.json": negative_forms.Encoding,
    "negative-objects.json": negative_forms.ObjectsRefused,
    "negative-session.json": negative_forms.SessionRefused,
    "negative-transfer.json": negative_forms.TransferRefused,
    "negative-holder.json": negative_forms.HolderRefused,
    "wholesale.json": other_forms.Wholesale,
    "boundaries.json": other_forms.Boundaries,
    "ed25519.json": other_forms.Speccheck,
    "c2sp-notes.json": other_forms.PublishedNotes,
    "rfc9529.json": other_forms.Traces,
}
