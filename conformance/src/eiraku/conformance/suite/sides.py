"""Checks that are made with the wallet on each side of the session in turn."""

import pytest

from eiraku.spec.tables import Side

BOTH_SIDES = (Side.INITIATOR, Side.RESPONDER)
SIDES = pytest.mark.parametrize("side", BOTH_SIDES, ids=[side.value for side in BOTH_SIDES])
