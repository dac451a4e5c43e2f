"""The log in a file, and one entry of it: verified with nothing but the operator's key."""

import json
from pathlib import Path

import pytest

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Refused
from eiraku.spec.merkle import ProofError
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.wholesale import checkpoint, export, vectors
from eiraku.system.wholesale.errors import CheckpointError, EntryError
from eiraku.system.wholesale.note import Trust
from eiraku.system.wholesale.register import Register
from eiraku.system.wholesale.vectors import JAPAN
from eiraku.testing.wholesale import TRUST, entry, operator, operator_key, signed

FILE = Path(__file__).parents[3] / "spec/src/eiraku/spec/vectors/wholesale.json"


@pytest.fixture
def log() -> Register:
    return operator("sqlite://")


@pytest.fixture
def lines(log: Register) -> list[str]:
    vectors.play(log)
    log.issue(bytes(16), JAPAN, 1)
    return list(export.write(log))


# EPP-WHS-009
def test_a_file_is_verified_with_nothing_but_the_key(log: Register, lines: list[str]) -> None:
    assert len(lines) == 1 + 13 + 3
    found = export.verify(export.read(lines), TRUST)
    assert found.standings == log.standings()
    assert (found.checkpoints, found.last.size, found.uncovered) == (3, 12, 1)
    assert list(found.entries) == list(log.entries())


# EPP-WHS-009, EPP-WHS-016, EPP-WHS-023
@pytest.mark.parametrize("number", range(1, 16))
def test_every_altered_line_is_found(lines: list[str], number: int) -> None:
    fields = json.loads(lines[number])
    if "entry" in fields:
        # The last digit of an amount.
        fields["entry"] = fields["entry"][:-1] + format(int(fields["entry"][-1], 16) ^ 1, "x")
    else:
        # A digit of the base64 of a signature.
        note = fields["checkpoint"]
        fields["checkpoint"] = note[:-9] + ("A" if note[-9] != "A" else "B") + note[-8:]
    lines[number] = json.dumps(fields)
    with pytest.raises((CheckpointError, EntryError)):
        export.verify(export.read(lines), TRUST)


# EPP-WHS-023
def test_a_file_with_lines_missing(lines: list[str]) -> None:
    with pytest.raises((CheckpointError, EntryError), match=r"entr"):
        export.verify(export.read(lines[:3] + lines[4:]), TRUST)
    short = [line for line in lines if "entry" not in line] + [line for line in lines if "entry" in line][:11]
    with pytest.raises(CheckpointError, match="of 12 entries was signed, the file has 11"):
        export.verify(export.read(short), TRUST)
    with pytest.raises(CheckpointError, match="no checkpoint, so nobody vouches for it"):
        export.verify(export.read([line for line in lines if "checkpoint" not in line]), TRUST)


@pytest.mark.parametrize(
    ("content", "said"),
    (
        ([], "expected a file of the format"),
        (["{}"], "line 1: expected the header"),
        (["nonsense"], "line 1: expected the header"),
        (['{"format": "x", "operator": ""}'], "expected a file of the format"),
        (["HEAD", '{"checkpoint": 1}'], "line 2: expected an entry or a checkpoint"),
        (["HEAD", "{}"], "line 2: expected an entry or a checkpoint"),
        (["HEAD", '{"entry": "zz"}'], "line 2: expected an entry or a checkpoint"),
        (["HEAD", "[" * 100_000], "line 2: expected an entry or a checkpoint"),
        (["HEAD", "3"], "line 2: expected an entry or a checkpoint"),
    ),
)
def test_a_file_that_is_no_log(lines: list[str], content: list[str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        export.read([lines[0] if line == "HEAD" else line for line in content])


# EPP-WHS-022
def test_checkpoints_of_a_file_that_go_back_in_time(log: Register) -> None:
    vectors.play(log)
    leaves = tuple(log.leaves())
    exported = export.Exported(
        leaves=leaves, checkpoints=(signed(list(leaves[:5]), epoch=9), signed(list(leaves), epoch=8))
    )
    with pytest.raises(CheckpointError, match="of 12 entries has epoch 8, a smaller one 9"):
        export.verify(exported, TRUST)


# EPP-WHS-023
def test_an_entry_is_verified_without_the_log(log: Register) -> None:
    vectors.play(log)
    leaf, proof, last = list(log.leaves())[6], log.inclusion(6, 12), log.checkpoints()[-1]

    def verify(leaf: bytes, index: int, proof: tuple[bytes, ...]) -> Entry:
        return checkpoint.verify_entry(leaf, index, proof, last, TRUST)

    assert verify(leaf, 6, proof) == Entry.decode(leaf)
    for wrong in ((b"", 6, proof), (leaf, 5, proof), (leaf, 6, proof[:-1]), (leaf, 12, proof)):
        with pytest.raises(ProofError):
            verify(*wrong)
    strange = signed([b"no entry"])
    with pytest.raises(ProofError, match="in the log, but not well formed"):
        checkpoint.verify_entry(b"no entry", 0, (), strange, TRUST)


# EPP-WHS-009
def test_the_log_of_the_vectors_verifies() -> None:
    found = json.loads(FILE.read_text())["log"]
    exported = export.Exported(
        leaves=tuple(bytes.fromhex(item["entry"]) for item in found["entries"]),
        checkpoints=tuple(found["checkpoints"]),
    )
    key = SigningKey(bytes.fromhex(found["private_key"]))
    assert str(operator_key(key, origin=found["origin"])) == found["operator"]
    verified = export.verify(exported, Trust(operator=operator_key(key, origin=found["origin"])))
    accounts = {
        economy: {"own": held.own, "issued": held.issued, "bonds": held.bonds}
        for economy, held in verified.standings.items()
    }
    assert accounts == {int(economy): held for economy, held in found["accounts"].items()}


# EPP-WHS-009
def test_a_file_with_an_entry_later_than_its_checkpoint() -> None:
    leaves = [entry(Kind.JOIN, JAPAN, 0, epoch=9)]
    exported = export.Exported(leaves=tuple(leaves), checkpoints=(signed(leaves, epoch=8),))
    with pytest.raises(EntryError, match="entry 0: its epoch 9 is beyond the checkpoint's 8"):
        export.verify(exported, TRUST)
