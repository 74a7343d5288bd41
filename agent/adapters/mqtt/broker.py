"""The connection with the MQTT broker: kept for ever, commands never queued, subscriptions renewed on every connect.

paho-mqtt does the protocol, the event loop its reading and writing: everything below happens in the loop's thread,
except the opening of the socket, which blocks and therefore has a thread and a time limit. Every connection has a paho
client of its own, so nothing that an old one still held can ever be sent by a new one.
"""

import asyncio
import logging
import random
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paho.mqtt.client import Client, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from agent.adapters.mqtt.topics import is_filter, is_topic
from agent.errors import BrokerUnreachable, HubError

_log = logging.getLogger(__name__)

LARGEST_PAYLOAD_BYTES = 64 * 1024
"""No device of a home says more; what is longer is dropped, except where a receiver expects it."""
_UNACKNOWLEDGED_MS = 10_000
"""The kernel gives a connection up when the broker has not taken what was sent for so long: no command comes later."""
_MOST_COMPLAINTS = 100
_CHECK_S = 1.0
"""How often paho is asked to look after pings."""
_BROKEN = (OSError, ValueError, struct.error, IndexError)
"""What paho raises when the wire breaks or carries nonsense."""


@dataclass(frozen=True)
class Message:
    """One message as it came; `retained` means the broker kept it, so it may be old."""

    topic: str
    payload: bytes
    retained: bool = False


Receiver = Callable[[Message], None]
"""Called in the event loop. A HubError that it raises is logged and forgotten, anything else ends `run`."""

ConnectionListener = Callable[[bool, str], None]
"""Told once when the broker is lost (False, why) and once when it is back (True, where)."""


class _Socket(Protocol):
    """What paho hands out: a socket, or something that wraps one."""

    def fileno(self) -> int: ...


class TopicInvalid(HubError):
    """A topic that no broker carries, told by a device or by the settings."""


class Broker:
    """The MQTT broker of the house. Nothing works until `run` does."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        client_id: str = "kwh-hub",
        username: str = "",
        password: str = "",
        keepalive_s: int = 30,
        tls_ca_file: Path | None = None,
        on_connection: ConnectionListener | None = None,
        connect_limit_s: float = 5.0,
        retry_s: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self._host = host
        self._port = port
        self._client_id = client_id
        self._username = username
        self._password = password
        self._keepalive_s = keepalive_s
        self._tls_ca_file = tls_ca_file
        self.on_connection = on_connection
        self._connect_limit_s = connect_limit_s
        self._retry_s = retry_s
        self._receivers: dict[str, list[Receiver]] = {}
        self._largest_bytes: dict[str, int] = {}
        """By filter, where it differs from LARGEST_PAYLOAD_BYTES."""
        self._patterns: tuple[str, ...] = ()
        self._connection: _Connection | None = None
        self._up = asyncio.Event()
        self._told: bool | None = None
        self._was_up = False
        """Loss and return are the listener's to say; only the first connection is said here."""
        self._complained: set[str] = set()

    @property
    def connected(self) -> bool:
        """Whether a command would go out now."""
        return self._up.is_set()

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return f"{self._host}:{self._port}"

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until the broker answers. Raises BrokerUnreachable after `timeout_s` wall seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError as error:
            raise BrokerUnreachable(f"the MQTT broker {self.address} did not answer for {timeout_s:g} s") from error

    def publish(self, topic: str, payload: str | bytes = b"") -> None:
        """Send now, or not at all. Raises BrokerUnreachable; then nothing is kept for later."""
        if not is_topic(topic):
            raise BrokerUnreachable(f"no broker carries the topic {topic[:100]!r}")
        if self._connection is None:
            raise BrokerUnreachable(f"the MQTT broker {self.address} is away")
        self._connection.publish(topic, payload)

    def subscribe(self, topic_filter: str, receiver: Receiver, *, largest_bytes: int = LARGEST_PAYLOAD_BYTES) -> None:
        """Call `receiver` with every message that fits, now (what the broker has kept) and after every reconnect.

        What is longer than the most `largest_bytes` that was asked for with this filter is dropped. Raises TopicInvalid
        for a filter at which a broker would end the connection, at each connect anew.
        """
        if not is_filter(topic_filter):
            raise TopicInvalid(f"no broker carries the topic {topic_filter[:100]!r}")
        self._receivers.setdefault(topic_filter, []).append(receiver)
        if largest_bytes > self._largest_of(topic_filter):
            self._largest_bytes[topic_filter] = largest_bytes
        self._sort_filters()
        if self._connection is not None:
            self._connection.subscribe([topic_filter])

    def unsubscribe(self, topic_filter: str, receiver: Receiver) -> None:
        """Call `receiver` no more."""
        receivers = self._receivers[topic_filter]
        receivers.remove(receiver)
        if receivers:
            return
        del self._receivers[topic_filter]
        self._largest_bytes.pop(topic_filter, None)
        self._sort_filters()
        if self._connection is not None:
            self._connection.unsubscribe(topic_filter)

    async def run(self) -> None:
        """Keep the connection until cancelled: reconnect with a pause that doubles up to a limit, and jitter."""
        shortest_s, longest_s = self._retry_s
        pause_s = shortest_s
        jitter = random.SystemRandom()
        loop = asyncio.get_running_loop()
        while True:
            tried_at_s = loop.time()
            try:
                async with asyncio.timeout(self._connect_limit_s):
                    self._connection = await self._connect()
                self._begin(self._connection)
                await self._connection.serve()
            except TimeoutError:
                self._tell(well=False, detail=f"{self.address}: no answer for {self._connect_limit_s:g} s")
            except BrokerUnreachable as error:
                self._tell(well=False, detail=f"{self.address}: {error}")
            finally:
                self._up.clear()
                self._connection = None
            if loop.time() - tried_at_s > longest_s:  # it held; a broker that accepts and closes gets no quick retries
                pause_s = shortest_s
            await asyncio.sleep(pause_s * jitter.uniform(0.5, 1.0))
            pause_s = min(longest_s, pause_s * 2)

    async def _connect(self) -> "_Connection":
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        client.connect_timeout = self._connect_limit_s
        if self._username:
            client.username_pw_set(self._username, self._password)
        if self._tls_ca_file is not None:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=str(self._tls_ca_file)))
            except OSError as error:
                raise BrokerUnreachable(f"tls_ca_file {self._tls_ca_file} cannot be used: {error}") from error
        connection = _Connection(client, self._receive)
        await connection.open(self._host, self._port, self._keepalive_s)
        return connection

    def _begin(self, connection: "_Connection") -> None:
        self._complained.clear()
        if self._receivers:
            connection.subscribe(list(self._receivers))
        self._up.set()
        self._tell(well=True, detail=self.address)

    def _tell(self, *, well: bool, detail: str) -> None:
        if self._told is well:
            return
        self._told = well
        if well and not self._was_up:
            self._was_up = True
            _log.info("MQTT broker connected: %s", detail)
        if self.on_connection is not None:
            self.on_connection(well, detail)

    def _sort_filters(self) -> None:
        self._patterns = tuple(filter_ for filter_ in self._receivers if "+" in filter_ or "#" in filter_)

    def _receive(self, message: Message) -> None:
        fitting = [message.topic] if message.topic in self._receivers else []
        fitting += [pattern for pattern in self._patterns if topic_matches_sub(pattern, message.topic)]
        for topic_filter in fitting:
            if len(message.payload) > self._largest_of(topic_filter):
                self._complain(message, f"{len(message.payload)} bytes are too long")
                continue
            for receiver in tuple(self._receivers.get(topic_filter, ())):
                try:
                    receiver(message)
                except HubError as error:
                    self._complain(message, error)

    def _largest_of(self, topic_filter: str) -> int:
        return self._largest_bytes.get(topic_filter, LARGEST_PAYLOAD_BYTES)

    def _complain(self, message: Message, reason: object) -> None:
        """Once per topic and connection: a device gone mad must not fill the log, nor the memory."""
        if message.topic not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(message.topic)
            _log.warning("message on %.80r dropped, as will be others like it: %s", message.topic, reason)


class _Connection:
    """One paho client over one socket, read and written by the event loop."""

    def __init__(self, client: Client, receive: Receiver) -> None:
        self._client = client
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._reason: BaseException = BrokerUnreachable("closed")

    async def open(self, host: str, port: int, keepalive_s: int) -> None:
        """Connect and wait for the broker's answer. Raises BrokerUnreachable."""
        self._client.on_socket_open = _set_options
        try:
            # In a thread, because opening a socket and the TLS handshake block. paho's connect_timeout ends the thread.
            await asyncio.to_thread(self._client.connect, host, port, keepalive_s)
        except _BROKEN as error:
            raise BrokerUnreachable(str(error)) from error
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_socket_close = self._on_socket_close
        self._client.on_socket_register_write = self._on_want_write
        self._client.on_socket_unregister_write = self._on_write_done
        sock = self._client.socket()
        if sock is None:
            raise BrokerUnreachable("closed the connection at once")
        self._loop.add_reader(sock, self._read)
        if self._client.want_write():
            self._loop.add_writer(sock, self._write)
        try:
            await self._answered
        except BaseException:
            self._close()
            raise

    async def serve(self) -> None:
        """Return never: raise BrokerUnreachable when the connection is lost, or what a receiver raised."""
        try:
            while not self._ended.is_set():
                try:
                    async with asyncio.timeout(_CHECK_S):
                        await self._ended.wait()
                except TimeoutError:
                    self._guard(self._client.loop_misc)
            raise self._reason
        finally:
            self._close()

    def publish(self, topic: str, payload: str | bytes) -> None:
        """Send with QoS 0, not retained. Raises BrokerUnreachable."""
        sent = self._client.publish(topic, payload, qos=0, retain=False)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnreachable(f"not sent: {sent.rc.name}")

    def subscribe(self, topic_filters: list[str]) -> None:
        """Ask for topics, with QoS 0."""
        self._client.subscribe([(topic_filter, 0) for topic_filter in topic_filters])

    def unsubscribe(self, topic_filter: str) -> None:
        """Ask for a topic no more."""
        self._client.unsubscribe(topic_filter)

    def _close(self) -> None:
        """Say good-bye after what is still to be written, and let go of the socket."""
        sock = self._client.socket()
        if sock is None:
            return
        self._client.disconnect()
        self._guard(self._client.loop_write)
        if self._client.socket() is not None:  # the broker takes nothing more, not even the good-bye
            self._on_socket_close(self._client, None, sock)
            sock.close()

    def _read(self) -> None:
        self._guard(self._client.loop_read)
        sock = self._client.socket()
        # A TLS socket may hold decoded bytes of which select knows nothing.
        while isinstance(sock, ssl.SSLSocket) and sock.pending() and not self._ended.is_set():
            self._guard(self._client.loop_read)
            sock = self._client.socket()

    def _write(self) -> None:
        self._guard(self._client.loop_write)

    def _guard(self, step: Callable[[], MQTTErrorCode]) -> None:
        """Let paho work; what breaks ends the connection instead of vanishing in the event loop."""
        try:
            step()
        except _BROKEN as error:
            self._end(BrokerUnreachable(f"{type(error).__name__}: {error}"))

    def _end(self, reason: BaseException) -> None:
        if self._ended.is_set():
            return
        self._reason = reason
        self._ended.set()
        if not self._answered.done():
            self._answered.set_exception(reason)

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._end(BrokerUnreachable(f"refused: {reason}"))
        elif not self._answered.done():
            self._answered.set_result(None)

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._end(BrokerUnreachable(f"connection lost: {reason}"))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            self._receive(Message(message.topic, bytes(message.payload), message.retain))
        except Exception as bug:  # noqa: BLE001 - a bug must end the hub; the event loop would only log it
            self._end(bug)

    def _on_want_write(self, _client: Client, _userdata: object, sock: _Socket) -> None:
        self._loop.add_writer(sock, self._write)

    def _on_write_done(self, _client: Client, _userdata: object, sock: _Socket) -> None:
        self._loop.remove_writer(sock)

    def _on_socket_close(self, _client: Client, _userdata: object, sock: _Socket) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)


def _set_options(_client: Client, _userdata: object, sock: object) -> None:
    """Without TCP_NODELAY on both sides a command and its answer take 44 ms instead of a fraction of one."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
