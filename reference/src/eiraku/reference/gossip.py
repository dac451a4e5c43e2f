"""How purses that are offline get key lists and bulletins from each other before a session (chapter 13).

A `Gossip` passes bulletins on, in strict turns, between two purses that are about to open a session. It
belongs to one device and keeps nothing but one bulletin and its chunks, a mebibyte at most, in volatile
memory and for one exchange; a lie ends the exchange and costs the purse nothing else.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from eiraku.reference import anchor
from eiraku.reference.device import Accepted, Device
from eiraku.reference.purse.state import HeldBulletin, Identity, NoSession, Ready
from eiraku.spec import bulletins, news
from eiraku.spec.bulletins import Bulletin, Changed, Whole
from eiraku.spec.errors import Misuse, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.news import (
    AskBulletin,
    AskChunk,
    AskDelta,
    AskKeys,
    Chunk,
    Difference,
    Done,
    Have,
    Keys,
    News,
    Nothing,
    Signed,
    Whose,
)
from eiraku.spec.revoked import CHUNKS_MAX

MESSAGES_MAX = CHUNKS_MAX + 16
"""Messages that a purse answers in one exchange: it may be asked for all chunks, or ask for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A bulletin, `signed`, that is not taken yet; its chunks from position 0 on."""

    signed: bytes
    said: Bulletin
    chunks: list[bytes] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all chunks are here."""
        return len(self.chunks) == len(self.said.chunks)

    def add(self, data: bytes) -> bool:
        """Keep the next chunk if the bulletin has its digest there; whether it has. Junk costs one digest."""
        # EPP-DEV-027
        fits = not self.complete and sha256(data).digest() == self.said.chunks[len(self.chunks)][1]
        if fits:
            self.chunks.append(data)
        return fits


class Gossip:
    """One side of an exchange of news; lives as long as the device is switched on."""

    def __init__(self, device: Device) -> None:
        """`device`: a purse that is made. Raises Misuse."""
        if not isinstance(device.state, Ready):
            raise Misuse("expected a purse that is made, found an empty one; provision it first")
        self.device = device
        self._left = 0
        self._peer: Have | None = None
        self._spoken = False
        self._asked: News | None = None
        self._sought: set[object] = set()
        self._collected: Collection | None = None

    def begin(self) -> bytes:
        """The first message of an exchange, by the initiator of the session to come. Raises Misuse."""
        self.expect()
        self._spoken = True
        return self._have().encode()

    def expect(self) -> None:
        """Take part in one exchange that the peer begins. Raises Misuse."""
        # EPP-DEV-024
        if _in_session(self.device):
            raise Misuse("expected no session; news is exchanged before a session opens")
        self._close()
        self._left = MESSAGES_MAX

    def deliver(self, data: bytes) -> bytes | None:
        """The answer to a message of the peer, None when the exchange is over. Refuses nothing aloud."""
        # EPP-DEV-024, EPP-DEV-136
        if self._left == 0 or _in_session(self.device) or not news.is_news(data):
            self._close()
            return None
        self._left -= 1
        try:
            answer = self._answer(news.decode(data))
        except Refusal:
            answer = self._done()
        return None if answer is None else answer.encode()

    def _answer(self, message: News) -> News | None:
        """Raises Refusal for a lie."""
        match message:
            # EPP-DEV-083
            case Have() if self._peer is None:
                self._peer = message
                return self._next()
            case AskBulletin() | AskChunk() | AskDelta() | AskKeys() if self._spoken and self._asked is None:
                return self._serve(message)
            case Signed() | Chunk() | Difference() | Keys() | Nothing():
                return self._receive(message)
            case Done():
                self._close()
                return None
        return self._done()

    def _have(self) -> Have:
        device, money = lists_of(self.device)
        return Have(epoch=epoch_of(self.device), device=device, money=money)

    def _next(self) -> News:
        """With nothing under way: ask for what is newer there, tell of what is newer here, or end."""
        peer, mine = self._peer, self._have()
        if peer is None:
            return self._done()
        # EPP-DEV-022, EPP-DEV-050
        if peer.device > mine.device and self._seek(Whose.DEVICE):
            return self._asking(AskKeys(centre=Whose.DEVICE))
        if peer.money > mine.money and self._seek(Whose.MONEY):
            return self._asking(AskKeys(centre=Whose.MONEY))
        # EPP-DEV-084
        if peer.epoch > mine.epoch and self._seek(AskBulletin):
            return self._asking(AskBulletin())
        newer = mine.epoch > peer.epoch or mine.device > peer.device or mine.money > peer.money
        # EPP-DEV-081, EPP-DEV-082
        if newer and not self._spoken:
            self._spoken = True
            return mine
        return self._done()

    def _seek(self, what: object) -> bool:
        """Whether this was not sought in this exchange before; now it is."""
        fresh = what not in self._sought
        self._sought.add(what)
        return fresh

    def _receive(self, message: Signed | Chunk | Difference | Keys | Nothing) -> News:
        """Take what was asked for, and only that. Raises Refusal."""
        asked, self._asked = self._asked, None
        match asked, message:
            case AskBulletin(), Signed():
                return self._begin(message.signed)
            case AskDelta(), Difference() if message.epoch == asked.epoch:
                # EPP-DEV-085
                return self._next() if self._take(delta=message.delta) else self._next_chunk()
            case AskDelta(), Nothing():
                # EPP-DEV-085
                return self._next_chunk()
            case AskChunk(), Chunk() if (message.epoch, message.position) == (asked.epoch, asked.position):
                if self._collected is not None and self._collected.add(message.data):
                    return self._next_chunk()
            case AskKeys(), Keys():
                # EPP-DEV-050
                if isinstance(self.device.keys(Centre[asked.centre.name], message.signed), Accepted):
                    return self._next()
        return self._done()

    def _begin(self, signed: bytes) -> News:
        """Begin to collect a bulletin: by the delta from the one held, or chunk by chunk. Raises Refusal."""
        # EPP-DEV-027
        trusted = _identity(self.device).anchor
        said = anchor.verify_bulletin(trusted, signed)
        anchor.check_bulletin_epoch(trusted, said)
        bulletins.check_room(said, _identity(self.device).policy.max_bulletin)
        mine = epoch_of(self.device)
        if said.epoch <= mine:
            return self._done()
        self._collected = Collection(signed=signed, said=said)
        # EPP-DEV-084
        if said.chunks and mine:
            return self._asking(AskDelta(epoch=said.epoch, from_epoch=mine))
        return self._next_chunk()

    def _next_chunk(self) -> News:
        """Ask for the next chunk; with all of them here, take the bulletin."""
        collected = self._collected
        if collected is None:
            return self._done()
        # EPP-DEV-086
        if not collected.complete:
            return self._asking(AskChunk(epoch=collected.said.epoch, position=len(collected.chunks)))
        return self._next() if self._take() else self._done()

    def _take(self, *, delta: bytes | None = None) -> bool:
        """Take the bulletin that is collected, by a delta or with all its chunks; whether it was accepted."""
        if self._collected is None:
            return False
        signed, chunks = self._collected.signed, tuple(self._collected.chunks)
        update = Whole(signed=signed, chunks=chunks) if delta is None else Changed(signed=signed, delta=delta)
        # EPP-BUL-006: the device judges it as if it had come in one piece
        return isinstance(self.device.bulletin(update.encode()), Accepted)

    def _serve(self, message: AskBulletin | AskChunk | AskDelta | AskKeys) -> News:
        # EPP-DEV-023
        if isinstance(message, AskKeys):
            trusted = _identity(self.device).anchor
            return Keys(signed=(trusted.money if message.centre is Whose.MONEY else trusted.device).signed)
        held = held_by(self.device)
        if held is None:
            return Nothing()
        match message:
            case AskBulletin():
                return Signed(signed=held.signed)
            case AskChunk(epoch=held.epoch) if message.position < len(held.revoked.parts):
                _, data = held.revoked.parts[message.position]
                return Chunk(epoch=held.epoch, position=message.position, data=data)
            # EPP-DEV-030
            case AskDelta(epoch=held.epoch) if held.delta is not None:
                if bulletins.Delta.decode(held.delta).from_epoch == message.from_epoch:
                    return Difference(epoch=held.epoch, delta=held.delta)
        return Nothing()

    def _asking(self, message: News) -> News:
        self._asked = message
        return message

    def _done(self) -> News:
        self._close()
        return Done()

    def _close(self) -> None:
        """`_left`: messages still taken; `_peer`: what the peer has; `_spoken`: it knows what I have;
        `_sought`: what I asked for, `_asked`: and wait for; `_collected`: what I got and have not taken.
        """
        # EPP-DEV-087
        self._collected = None
        self._left = 0
        self._peer = None
        self._sought = set()
        self._spoken = False
        self._asked = None


def held_by(device: Device) -> HeldBulletin | None:
    """The bulletin of a device."""
    return device.state.bulletin if isinstance(device.state, Ready) else None


def epoch_of(device: Device) -> int:
    """Epoch of the bulletin of a device; 0 without one."""
    return device.state.epoch if isinstance(device.state, Ready) else 0


def lists_of(device: Device) -> tuple[int, int]:
    """Sequences of the key lists of a device that is made: of the device centre, of the issuing centre."""
    trusted = _identity(device).anchor
    return trusted.device.sequence, trusted.money.sequence


def exchange(initiator: Gossip, responder: Gossip) -> int:
    """Carry news between two purses until nobody speaks; the number of messages. Raises Misuse."""
    count = 0
    responder.expect()
    message: bytes | None = initiator.begin()
    sides = [responder, initiator]
    while message is not None:
        count += 1
        message = sides[0].deliver(message)
        sides.reverse()
    return count


def _identity(device: Device) -> Identity:
    """Of a purse that is made, as it is now."""
    if not isinstance(device.state, Ready):
        raise AssertionError("checked when it was opened")
    return device.state.identity


def _in_session(device: Device) -> bool:
    return isinstance(device.state, Ready) and not isinstance(device.state.session, NoSession)
