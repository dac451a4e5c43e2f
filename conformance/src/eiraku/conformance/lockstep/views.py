"""Replies and states as the reader of a report sees them; what is alike reads alike."""

from eiraku.conformance.adapter.client import Payment, Reply, State
from eiraku.conformance.tester.peer import describe

MONEY = ("epoch", "balance", "units", "pending", "credited", "settled")
"""What a state tells, in the order in which it is compared."""


def reply_text(reply: Reply, plaintext: bytes | None) -> str:
    """A reply with what was said to the peer."""
    words = [reply.outcome if reply.code is None else f"{reply.outcome} {reply.code}"]
    if plaintext is not None:
        words.append(f"answer {describe(plaintext)}")
    elif reply.out is not None:
        words.append(f"answer {reply.out.hex()}")
    elif reply.session is not None:
        words.append("no answer")
    if reply.session is not None:
        words.append(f"session {reply.session}")
    return ", ".join(words)


def state_lines(state: State, name: str) -> list[str]:
    """One part of a state."""
    match name:
        case "units":
            return sorted(f"unit {u.unit_id.hex()[:12]} of {u.value} at hop {u.hop}" for u in state.units)
        case "pending" | "credited" | "settled":
            listed: tuple[Payment, ...] = getattr(state, name)
            return sorted(map(_payment, listed))
    return [f"{name} {getattr(state, name)}"]


def _payment(payment: Payment) -> str:
    units = "".join(f" {unit.hex()[:12]}" for unit in sorted(payment.units))
    name, peer = payment.transaction.hex()[:12], payment.peer.hex()
    return f"transaction {name} of {payment.amount} with {peer}{units}"
