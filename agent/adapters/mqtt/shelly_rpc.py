"""Requests to Shelly devices over one broker: each answer belongs to the request whose number it carries."""

import asyncio
import itertools
import secrets
from collections.abc import Callable

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.shelly.messages import Call, Json, Reply, RpcError, read_frame
from agent.domain.printable import printable
from agent.errors import HubError


class RpcRefused(HubError):
    """A device answered with an error."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(printable(str(error), 200))
        self.code = error.code


class ShellyRpc:
    """Answers come on a topic of this hub's own, which is new at each start: none from before it is ever taken."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._source = f"kwh-hub/{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Callable[[Reply], bool]] = {}
        broker.subscribe(f"{self._source}/rpc", self._on_message)

    def send(self, prefix: str, call: Call, heard: Callable[[Reply], bool]) -> int:
        """Send a request and return its number; each answer is told until one is said to have been the last.

        There are several where several devices hear the request. Raises BrokerUnreachable.
        """
        number = next(self._numbers)
        self._broker.publish(f"{prefix}/rpc", call.frame(number, self._source))
        self._waiting[number] = heard
        return number

    def forget(self, number: int) -> None:
        """Wait no more for the answer to a request."""
        self._waiting.pop(number, None)

    async def ask(self, prefix: str, call: Call, counts: Callable[[str], bool]) -> Json:
        """Send a request and return the result of the first answer whose source counts; may wait for ever.

        Raises BrokerUnreachable, RpcRefused.
        """
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def heard(reply: Reply) -> bool:
            if answer.done() or not counts(reply.source):
                return answer.done()
            answer.set_result(reply)
            return True

        number = self.send(prefix, call, heard)
        try:
            reply = await answer
        finally:
            self.forget(number)
        if reply.error is not None:
            raise RpcRefused(reply.error)
        return reply.result

    def _on_message(self, message: Message) -> None:
        if message.retained:
            return
        frame = read_frame(message.payload)
        if isinstance(frame, Reply):
            heard = self._waiting.get(frame.id)
            if heard is not None and heard(frame):
                self.forget(frame.id)
