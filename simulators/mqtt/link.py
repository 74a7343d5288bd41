"""A device's own connection with the broker: last will, reconnecting, and a plug that can be pulled.

paho-mqtt is read and written by the event loop, so the physical house is touched by one thread only. There are no
tasks: what must happen later is a timer of the loop.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

_RETRY_S = 0.1
_CHECK_S = 1.0
_CONNECT_S = 5.0


@dataclass(frozen=True)
class BrokerAddress:
    """Where devices find the broker."""

    port: int
    host: str = "127.0.0.1"
    username: str = ""
    password: str = ""


class _Socket(Protocol):
    def fileno(self) -> int: ...


class Link:
    """One MQTT client, up from `open` to `close` whenever the broker is there."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        client_id: str,
        will: tuple[str, str],
        command_filters: Sequence[str],
        on_up: Callable[[], None],
        on_command: Callable[[str, str], None],
        username: str = "",
        password: str = "",
        keepalive_s: int = 30,
    ) -> None:
        self._host = host
        self._port = port
        self._client_id = client_id
        self._will = will
        self._command_filters = tuple(command_filters)
        self._on_up = on_up
        self._on_command = on_command
        self._username = username
        self._password = password
        self._keepalive_s = keepalive_s
        self._client: Client | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self.connects = 0
        """How often the broker has let it in; Tasmota reports this as MqttCount."""
        self.up = asyncio.Event()
        """Set once the broker has taken the subscriptions: a command sent from now on is heard."""
        self._let_in = False

    def open(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._wanted = True
        self._connect()

    def close(self) -> None:
        """Leave in good order: the broker does not publish the last will."""
        client = self._end()
        if client is not None:
            client.disconnect()
            client.loop_write()

    def cut(self) -> None:
        """Vanish, as when the plug is pulled: the broker publishes the last will."""
        client = self._end()
        sock = client.socket() if client is not None else None
        if client is not None and isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            client.loop_read()  # paho notices, and lets go of the socket

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Send, or lose it: a device keeps nothing for later."""
        if self._client is not None and self._let_in:
            self._client.publish(topic, payload, qos=0, retain=retain)

    def _end(self) -> Client | None:
        self._wanted = self._let_in = False
        self.up.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        client, self._client = self._client, None
        return client

    def _connect(self) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        client.connect_timeout = _CONNECT_S
        client.will_set(*self._will, qos=1, retain=True)
        if self._username:
            client.username_pw_set(self._username, self._password)
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_write_done
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        try:
            client.connect(self._host, self._port, self._keepalive_s)
        except OSError:
            self._later(_RETRY_S, self._connect)
        else:
            self._later(_CHECK_S, self._check)

    def _check(self) -> None:
        if self._client is not None:
            self._client.loop_misc()
            self._later(_CHECK_S, self._check)

    def _later(self, delay_s: float, step: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, step)

    def _on_connect(
        self, client: Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure or client is not self._client:
            return
        client.subscribe([(command_filter, 0) for command_filter in self._command_filters])
        self.connects += 1
        self._let_in = True
        self._on_up()

    def _on_subscribe(
        self, client: Client, _userdata: object, _mid: int, _reasons: list[ReasonCode], _properties: object
    ) -> None:
        if client is self._client:
            self.up.set()

    def _on_disconnect(
        self, client: Client, _userdata: object, _flags: object, _reason: ReasonCode, _properties: object
    ) -> None:
        if client is self._client and self._wanted:
            self._let_in = False
            self.up.clear()
            self._later(_RETRY_S, self._connect)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._on_command(message.topic, message.payload.decode(errors="replace"))

    def _on_socket_open(self, client: Client, _userdata: object, sock: _Socket) -> None:
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.get_running_loop().add_reader(sock, client.loop_read)

    def _on_socket_close(self, _client: Client, _userdata: object, sock: _Socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)

    def _on_want_write(self, client: Client, _userdata: object, sock: _Socket) -> None:
        asyncio.get_running_loop().add_writer(sock, client.loop_write)

    def _on_write_done(self, _client: Client, _userdata: object, sock: _Socket) -> None:
        asyncio.get_running_loop().remove_writer(sock)
