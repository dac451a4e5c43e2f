"""Issues and claims against the CDDL, and each with one thing wrong (chapter 12)."""

from pathlib import Path

import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec import cbor
from eiraku.spec.centre_objects import Claim, Issue
from eiraku.spec.errors import Code, Refusal

SCHEMA = Validator(Path(__file__).parents[1] / "schema.cddl")


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


issues = st.builds(
    Issue,
    transaction=octets(16),
    amount=st.integers(0, 2**53 - 1),
    units=st.lists(st.tuples(st.binary(max_size=40), octets(64)), min_size=1, max_size=3).map(tuple),
)
claims = st.builds(
    Claim,
    offer=st.binary(max_size=80),
    endorsements=st.lists(octets(64), min_size=1, max_size=3).map(tuple),
    payee=octets(8),
    beneficiary=octets(8),
)


@given(issue=issues)
def test_issue(issue: Issue) -> None:
    # EPP-CEN-012
    assert Issue.decode(issue.encode()) == issue
    assert SCHEMA.validate(issue.encode(), "issue-to-vault", require_deterministic=True)


@given(claim=claims)
def test_claim(claim: Claim) -> None:
    # EPP-CEN-032
    assert Claim.decode(claim.encode()) == claim
    assert SCHEMA.validate(claim.encode(), "claim-of-payer", require_deterministic=True)


UNIT = (b"unit", bytes(64))


@pytest.mark.parametrize(
    "wrong",
    (
        (),
        (bytes(16), 1),
        (bytes(15), 1, (UNIT,)),
        (bytes(16), -1, (UNIT,)),
        (bytes(16), 1 << 53, (UNIT,)),
        (bytes(16), True, (UNIT,)),
        (bytes(16), 1, b""),
        (bytes(16), 1, ((b"unit",),)),
        (bytes(16), 1, ((b"unit", bytes(63)),)),
        (bytes(16), 1, (("unit", bytes(64)),)),
    ),
)
def test_issues_of_another_shape(wrong: cbor.Item) -> None:
    # EPP-CEN-012
    with pytest.raises(Refusal) as refused:
        Issue.decode(cbor.encode(wrong))
    assert refused.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    "wrong",
    (
        (),
        (b"", (bytes(64),), bytes(8)),
        ("", (bytes(64),), bytes(8), bytes(8)),
        (b"", bytes(64), bytes(8), bytes(8)),
        (b"", (bytes(63),), bytes(8), bytes(8)),
        (b"", (bytes(64),), bytes(7), bytes(8)),
        (b"", (bytes(64),), bytes(8), bytes(9)),
    ),
)
def test_claims_of_another_shape(wrong: cbor.Item) -> None:
    # EPP-CEN-032
    with pytest.raises(Refusal) as refused:
        Claim.decode(cbor.encode(wrong))
    assert refused.value.code is Code.MALFORMED


def test_too_long() -> None:
    # EPP-CEN-012
    with pytest.raises(Refusal) as refused:
        Issue.decode(bytes(65536))
    assert refused.value.code is Code.TOO_LARGE
