"""The stick's end of an ASH connection: it numbers, acknowledges, repeats what is not acknowledged, and gives up."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from simulators.zigbee.ash import EXCEEDED_ACK_TIMEOUTS, RESET_SOFTWARE, VERSION, Decoder, Frame, Kind

WINDOW: Final = 3
"""DATA frames on their way without acknowledgement."""
_ACK_S: Final = 1.6
_MOST_TIMEOUTS: Final = 4
_MOST_WAITING: Final = 512
"""DATA frames that wait to be sent; a stick without buffers drops what it would tell."""


class AshLink:
    """One connection with a host."""

    def __init__(
        self, send: Callable[[bytes], None], received: Callable[[bytes], None], reset: Callable[[], None]
    ) -> None:
        """`send` puts bytes on the line, `received` takes the data of a frame, `reset` starts the stick anew."""
        self._send, self._received, self._reset = send, received, reset
        self._decoder = Decoder()
        self._timer: asyncio.TimerHandle | None = None
        self.connected = False
        self._begin()

    def _begin(self) -> None:
        self._next_out = self._next_in = self._timeouts = 0
        self._rejecting = False
        self._sent: deque[Frame] = deque()
        self._waiting: deque[bytes] = deque()
        self._stop_timer()

    def close(self) -> None:
        """Nothing is sent any more."""
        self.connected = False
        self._begin()

    def start(self, code: int) -> None:
        """Begin anew and say so, with the reason."""
        self._begin()
        self.connected = True
        self._send(Frame(Kind.RSTACK, bytes([VERSION, code])).encoded())

    def feed(self, data: bytes) -> None:
        """Take bytes off the line."""
        for frame in self._decoder.feed(data):
            if frame is None:
                self._reject()
            else:
                self._take(frame)

    def say(self, data: bytes) -> None:
        """Send data as soon as the window allows it."""
        if self.connected and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(data)
            self._fill()

    # ---- what comes

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.RST:
            self._reset()
            self.start(RESET_SOFTWARE)
        if not self.connected or frame.kind in {Kind.RST, Kind.RSTACK, Kind.ERROR}:
            return
        self._acknowledged(frame.awaits)
        if frame.kind is Kind.NAK:
            self._repeat()
        if frame.kind is Kind.DATA:
            self._take_data(frame)
        self._fill()

    def _take_data(self, frame: Frame) -> None:
        if frame.number != self._next_in:
            if frame.again:
                self._say_ack()
            else:
                self._reject()
            return
        self._next_in = (self._next_in + 1) % 8
        self._rejecting = False
        self._say_ack()
        self._received(frame.data)

    def _say_ack(self) -> None:
        self._send(Frame(Kind.ACK, awaits=self._next_in).encoded())

    def _reject(self) -> None:
        if self.connected and not self._rejecting:
            self._rejecting = True
            self._send(Frame(Kind.NAK, awaits=self._next_in).encoded())

    # ---- what goes

    def _acknowledged(self, awaits: int) -> None:
        """All before the number that the host expects have come; a number out of the window says nothing."""
        numbers = [(frame.number + 1) % 8 for frame in self._sent]
        if awaits not in numbers:
            return
        for _ in range(numbers.index(awaits) + 1):
            self._sent.popleft()
        self._timeouts = 0
        self._restart_timer()

    def _fill(self) -> None:
        while self._waiting and len(self._sent) < WINDOW:
            frame = Frame(Kind.DATA, self._waiting.popleft(), self._next_out, awaits=self._next_in)
            self._next_out = (self._next_out + 1) % 8
            self._sent.append(frame)
            self._send(frame.encoded())
            self._restart_timer()

    def _repeat(self) -> None:
        for frame in self._sent:
            self._send(Frame(Kind.DATA, frame.data, frame.number, again=True, awaits=self._next_in).encoded())
        self._restart_timer()

    def _restart_timer(self) -> None:
        self._stop_timer()
        if self._sent:
            self._timer = asyncio.get_running_loop().call_later(_ACK_S, self._timed_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        self._timeouts += 1
        if self._timeouts < _MOST_TIMEOUTS:
            self._repeat()
            return
        self.close()
        self._send(Frame(Kind.ERROR, bytes([VERSION, EXCEEDED_ACK_TIMEOUTS])).encoded())
