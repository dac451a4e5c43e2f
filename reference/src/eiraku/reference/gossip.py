"""How purses that are offline get bulletins: in chunks, and from each other before a session (chapter 13).

A `Collector` puts a bulletin together from chunks that anybody sends, in any order. A `Gossip` passes
bulletins on, in strict turns, between two purses that are about to open a session. Both belong to one device
and keep nothing but one head and its chunks, 68 kB at most, in volatile memory; a lie ends the exchange and
costs the purse nothing else.
"""

from hashlib import sha256

from eiraku.reference.anchor import TrustAnchor, signer
from eiraku.reference.crypto import cose
from eiraku.reference.device import Accepted, Device
from eiraku.reference.purse.state import NoSession, Ready
from eiraku.spec import news
from eiraku.spec.centre_objects import CHUNK, CHUNKS_MAX, CONTEXT_BULLETIN_HEAD, BulletinHead
from eiraku.spec.errors import Code, Misuse, Refusal
from eiraku.spec.news import AskChunk, AskHead, AskWhole, Chunk, Done, Have, Head, News, Nothing, Whole

MESSAGES_MAX = 2 * CHUNKS_MAX + 8
"""Messages that a purse answers in one exchange: it may ask for all chunks, and be asked for all."""


def verify_head(anchor: TrustAnchor, signed: bytes) -> BulletinHead:
    """A head that the device centre signed. Raises Refusal (MALFORMED, TOO_LARGE, BULLETIN_SIGNATURE)."""
    parsed = cose.parse(signed, limit=news.HEAD_MAX)
    if parsed.kid is None:
        raise Refusal(Code.MALFORMED, "EPP-KEY-005", "head: no key identifier")
    head = BulletinHead.decode(parsed.payload)
    public = signer(anchor.device_keys, parsed.kid, head.epoch, Code.BULLETIN_SIGNATURE, "head")
    # EPP-DEV-009
    if not cose.verify(public, CONTEXT_BULLETIN_HEAD, parsed):
        raise Refusal(Code.BULLETIN_SIGNATURE, "EPP-DEV-009", "head: signature does not verify")
    return head


class Collector:
    """Puts the next bulletin of a device together. Begins empty, also after a loss of power."""

    def __init__(self, device: Device) -> None:
        """`device`: a purse that is made. Raises Misuse."""
        provision = device.store.provision()
        if provision is None:
            raise Misuse("expected a purse that is made, found an empty one; provision it first")
        self.device = device
        self.anchor = provision.anchor
        self._signed: bytes | None = None
        self._head: BulletinHead | None = None
        self._chunks: dict[int, bytes] = {}

    @property
    def epoch(self) -> int | None:
        """Epoch of the bulletin that is being collected, or was collected last."""
        return None if self._head is None else self._head.epoch

    def take_head(self, signed: bytes) -> bool:
        """Begin with a head if it is newer than the bulletin held and the head before. Raises Refusal."""
        if signed == self._signed:
            return False
        head = verify_head(self.anchor, signed)
        # EPP-DEV-009: a newer head replaces an older one, never the other way round
        if head.epoch <= max(epoch_of(self.device), self.epoch or 0):
            return False
        self._signed, self._head, self._chunks = signed, head, {}
        return True

    def take_chunk(self, data: bytes) -> bool:
        """Keep a chunk whose digest is in the head; whether it was of use. Junk costs one digest."""
        # EPP-DEV-009
        if self._head is None or not 0 < len(data) <= CHUNK or not self.missing():
            return False
        digest = sha256(data).digest()
        places = [n for n in self.missing() if self._head.chunks[n] == digest]
        self._chunks |= dict.fromkeys(places, data)
        if places and not self.missing():
            self._deliver(self._head)
        return bool(places)

    def missing(self) -> tuple[int, ...]:
        """Positions of the chunks that are still wanted."""
        if self._head is None or self._head.epoch <= epoch_of(self.device):
            return ()
        return tuple(n for n in range(len(self._head.chunks)) if n not in self._chunks)

    def head(self) -> bytes | None:
        """The signed head of the bulletin that the device holds, if it is known."""
        held = self.device.store.bulletin()
        if held is None or self._head is None or self._head.digest != sha256(held).digest():
            return None
        return self._signed

    def _deliver(self, head: BulletinHead) -> None:
        whole = b"".join(self._chunks[n] for n in range(len(head.chunks)))
        self._chunks = {}
        # EPP-DEV-009, EPP-BUL-001
        if sha256(whole).digest() != head.digest or not isinstance(self.device.bulletin(whole), Accepted):
            self._signed = self._head = None


class Gossip:
    """One side of an exchange of news; lives as long as the device is switched on.

    `chunked`: ask for chunks rather than for a whole bulletin, as a purse with a narrow channel does.
    """

    def __init__(self, device: Device, *, chunked: bool = False) -> None:
        """Raises Misuse."""
        self.collector = Collector(device)
        self.device = device
        self.chunked = chunked
        self._left = 0
        self._first = True
        self._spoken = False
        self._given = False
        self._asked: type[News] | None = None

    def begin(self) -> bytes:
        """The first message of an exchange, by the initiator of the session to come. Raises Misuse."""
        self.expect()
        self._spoken = True
        return Have(epoch=epoch_of(self.device)).encode()

    def expect(self) -> None:
        """Take part in one exchange that the peer begins. Raises Misuse."""
        # EPP-DEV-024
        if _in_session(self.device):
            raise Misuse("expected no session; news is exchanged before a session opens")
        self._close()
        self._left = MESSAGES_MAX

    def deliver(self, data: bytes) -> bytes | None:
        """The answer to a message of the peer, None when the exchange is over. Refuses nothing aloud."""
        # EPP-DEV-024, EPP-DEV-025
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
        first, self._first = self._first, False
        match message:
            case Have() if first:
                return self._compare(message.epoch)
            case AskHead() | AskChunk() | AskWhole() if self._spoken and self._asked is None:
                return self._serve(message)
            case Head() | Chunk() | Whole() | Nothing():
                return self._receive(message)
            case Done():
                self._close()
                return None
        return self._done()

    def _compare(self, epoch: int) -> News:
        mine = epoch_of(self.device)
        # EPP-DEV-022
        if epoch > mine:
            return self._ask(epoch)
        if epoch < mine and not self._spoken:
            self._spoken = True
            return Have(epoch=mine)
        return self._done()

    def _ask(self, epoch: int) -> News:
        """What to ask of a peer that says it has a bulletin of a later epoch."""
        collecting = self.collector.epoch or 0
        if not self.chunked or epoch < collecting:
            return self._asking(AskWhole())
        return self._next_chunk() if epoch == collecting else self._asking(AskHead())

    def _next_chunk(self) -> News:
        missing, epoch = self.collector.missing(), self.collector.epoch
        if not missing or epoch is None:
            return self._done()
        return self._asking(AskChunk(epoch=epoch, position=missing[0]))

    def _receive(self, message: Head | Chunk | Whole | Nothing) -> News:
        """Take what was asked for, and only that. Raises Refusal."""
        asked, self._asked = self._asked, None
        match message:
            case Head() if asked is AskHead and self.collector.take_head(message.signed):
                return self._next_chunk()
            case Chunk() if asked is AskChunk and self.collector.take_chunk(message.data):
                return self._next_chunk()
            case Nothing() if asked is AskHead:
                return self._asking(AskWhole())
            case Whole() if asked is AskWhole:
                # EPP-BUL-001, EPP-BUL-002: the device judges it
                self.device.bulletin(message.signed)
        return self._done()

    def _serve(self, message: AskHead | AskChunk | AskWhole) -> News:
        # EPP-DEV-023
        held, head = self.device.store.bulletin(), self.collector.head()
        match message:
            case AskWhole() if held is not None and not self._given:
                self._given = True
                return Whole(signed=held)
            case AskHead() if head is not None:
                return Head(signed=head)
            case AskChunk() if held is not None and message.epoch == epoch_of(self.device):
                data = held[message.position * CHUNK :][:CHUNK]
                if data:
                    return Chunk(epoch=message.epoch, position=message.position, data=data)
        return Nothing()

    def _asking(self, message: News) -> News:
        self._asked = type(message)
        return message

    def _done(self) -> News:
        self._close()
        return Done()

    def _close(self) -> None:
        """`_left`: messages still taken; `_first`: none came yet; `_spoken`: the peer knows my epoch;
        `_given`: it has my bulletin whole.
        """
        self._left = 0
        self._first = True
        self._spoken = False
        self._given = False
        self._asked = None


def epoch_of(device: Device) -> int:
    """Epoch of the bulletin of a device; 0 without one."""
    return device.state.epoch if isinstance(device.state, Ready) else 0


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


def _in_session(device: Device) -> bool:
    return isinstance(device.state, Ready) and not isinstance(device.state.session, NoSession)
