"""The connection: nothing stale, nothing lost on the way back, told once, and no message ends it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import LARGEST_PAYLOAD_BYTES, Broker, Message, TopicInvalid
from agent.errors import BrokerUnreachable, DeviceMalformed
from simulators.mqtt.mosquitto import Mosquitto, mosquitto_binary
from tests.contract.bench import PATIENT_S
from tests.mqtt.benches import settled
from tests.mqtt.conftest import running

QUICK_S = (0.02, 0.1)


class Carrying:
    """One connection in a loop of its own, for properties that ask for many topics."""

    def __init__(self, port: int) -> None:
        self._runner = asyncio.Runner()
        self._broker = Broker(port=port, client_id="property", on_connection=self._told)
        self._lost: list[str] = []
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task = self._runner.get_loop().create_task(self._broker.run())
        self._runner.run(self._broker.wait_connected(PATIENT_S))
        self._broker.subscribe("property/alive", self._answers.put_nowait)

    def _told(self, well: bool, detail: str) -> None:  # noqa: FBT001 - the broker's listener
        if not well:
            self._lost.append(detail)

    def ask(self, topic: str) -> None:
        """Subscribe to a topic if that may be, and see that the connection outlives it."""
        self._runner.run(self._ask(topic))

    async def _ask(self, topic: str) -> None:
        def receiver(_: Message) -> None:
            return

        with suppress(BrokerUnreachable):
            self._broker.publish(topic)
        try:
            self._broker.subscribe(topic, receiver)
        except TopicInvalid:
            return
        self._broker.publish("property/alive")
        async with asyncio.timeout(PATIENT_S):
            await self._answers.get()
        assert self._lost == []
        self._broker.unsubscribe(topic, receiver)

    def close(self) -> None:
        """End it."""
        self._task.cancel()
        self._runner.run(asyncio.wait([self._task]))
        self._runner.close()


@pytest.fixture
def carrying(mosquitto: Mosquitto) -> Iterator[Carrying]:
    made = Carrying(mosquitto.port)
    yield made
    made.close()


@pytest.fixture
async def mortal() -> AsyncIterator[Mosquitto]:
    """A broker that the test may stop."""
    async with Mosquitto() as broker:
        yield broker


async def test_what_is_published_arrives_and_only_where_it_was_asked_for(mosquitto: Mosquitto) -> None:
    broker = Broker(port=mosquitto.port, client_id="arrives")
    exact: asyncio.Queue[Message] = asyncio.Queue()
    wild: asyncio.Queue[Message] = asyncio.Queue()
    broker.subscribe("arrives/a", exact.put_nowait)
    async with running(broker):
        broker.subscribe("arrives/+", wild.put_nowait)
        broker.publish("arrives/b", "second")
        broker.publish("arrives/a", b"first")
        async with asyncio.timeout(PATIENT_S):
            assert await exact.get() == Message("arrives/a", b"first")
            assert [(await wild.get()).payload for _ in range(2)] == [b"second", b"first"]
    assert exact.empty()


async def test_after_unsubscribing_nothing_more_comes(mosquitto: Mosquitto) -> None:
    broker = Broker(port=mosquitto.port, client_id="leaves")
    left: asyncio.Queue[Message] = asyncio.Queue()
    stays: asyncio.Queue[Message] = asyncio.Queue()
    async with running(broker):
        broker.subscribe("leaves/a", left.put_nowait)
        broker.subscribe("leaves/b", stays.put_nowait)
        broker.unsubscribe("leaves/a", left.put_nowait)
        broker.publish("leaves/a", "no")
        broker.publish("leaves/b", "yes")
        async with asyncio.timeout(PATIENT_S):
            assert (await stays.get()).payload == b"yes"
    assert left.empty()


async def test_a_command_without_a_broker_is_refused_and_never_sent_later(mortal: Mosquitto) -> None:
    told: list[bool] = []
    broker = Broker(
        port=mortal.port, client_id="hub", retry_s=QUICK_S, on_connection=lambda well, _detail: told.append(well)
    )
    came: asyncio.Queue[Message] = asyncio.Queue()
    broker.subscribe("load/#", came.put_nowait)
    async with running(broker):
        await asyncio.to_thread(mortal.stop)
        await settled(lambda: not broker.connected)
        with pytest.raises(BrokerUnreachable):
            broker.publish("load/heater", "ON")
        await settled(lambda: told == [True, False])
        await asyncio.to_thread(mortal.start)
        await broker.wait_connected(PATIENT_S)
        broker.publish("load/end", "")
        async with asyncio.timeout(PATIENT_S):
            assert (await came.get()).topic == "load/end"  # the subscription is back, the refused command is not
    assert came.empty()
    assert told == [True, False, True]


async def test_a_broker_that_was_never_there_is_told_of_once(mortal: Mosquitto) -> None:
    await asyncio.to_thread(mortal.stop)
    told: list[tuple[bool, str]] = []
    broker = Broker(port=mortal.port, retry_s=(0.005, 0.005), on_connection=lambda *what: told.append(what))
    task = asyncio.create_task(broker.run())
    with pytest.raises(BrokerUnreachable, match="did not answer"):
        await broker.wait_connected(0.2)
    assert [well for well, _ in told] == [False]
    assert "refused" in told[0][1]
    await asyncio.to_thread(mortal.start)
    await broker.wait_connected(PATIENT_S)
    assert [well for well, _ in told] == [False, True]
    task.cancel()
    await asyncio.wait([task])


async def test_a_wrong_password_is_a_broker_out_of_reach() -> None:
    async with Mosquitto(users={"hub": "right"}) as guarded:
        told: list[tuple[bool, str]] = []
        intruder = Broker(
            port=guarded.port,
            username="hub",
            password="wrong",  # noqa: S106 - as it says
            on_connection=lambda *what: told.append(what),
        )
        task = asyncio.create_task(intruder.run())
        await settled(lambda: bool(told))
        assert told[0][0] is False
        assert "uthori" in told[0][1]
        assert "wrong" not in told[0][1]
        task.cancel()
        await asyncio.wait([task])
        owner = Broker(port=guarded.port, username="hub", password="right")  # noqa: S106 - of a broker of this test
        async with running(owner):
            assert owner.connected


async def test_a_message_that_cannot_be_read_ends_nothing(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(port=mosquitto.port, client_id="unreadable")
    good: asyncio.Queue[Message] = asyncio.Queue()

    def refuse(message: Message) -> None:
        raise DeviceMalformed("plug", "nonsense")

    async with running(broker):
        broker.subscribe("unreadable/bad", refuse)
        broker.subscribe("unreadable/good", good.put_nowait)
        for _ in range(50):
            broker.publish("unreadable/bad", "x")
        broker.publish("unreadable/good", "y")
        async with asyncio.timeout(PATIENT_S):
            assert (await good.get()).payload == b"y"
    assert len([record for record in caplog.records if "nonsense" in record.getMessage()]) == 1


async def test_what_is_too_long_is_dropped_with_one_line(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(port=mosquitto.port, client_id="long")
    came: asyncio.Queue[Message] = asyncio.Queue()
    broker.subscribe("long", came.put_nowait)
    async with running(broker):
        for _ in range(3):
            broker.publish("long", b"x" * (LARGEST_PAYLOAD_BYTES + 1))
        broker.publish("long", b"x" * LARGEST_PAYLOAD_BYTES)
        async with asyncio.timeout(PATIENT_S):
            assert len((await came.get()).payload) == LARGEST_PAYLOAD_BYTES
    assert came.empty()
    assert len([record for record in caplog.records if "too long" in record.getMessage()]) == 1


async def test_a_topic_may_carry_more_where_that_is_expected_and_only_there(mosquitto: Mosquitto) -> None:
    broker = Broker(port=mosquitto.port, client_id="lists")
    listed: asyncio.Queue[Message] = asyncio.Queue()
    wild: asyncio.Queue[Message] = asyncio.Queue()
    broker.subscribe("lists/all", listed.put_nowait, largest_bytes=3 * LARGEST_PAYLOAD_BYTES)
    broker.subscribe("lists/+", wild.put_nowait)
    async with running(broker):
        for topic, size in (("all", 3 * LARGEST_PAYLOAD_BYTES + 1), ("all", 3 * LARGEST_PAYLOAD_BYTES), ("end", 1)):
            broker.publish(f"lists/{topic}", b"x" * size)
        async with asyncio.timeout(PATIENT_S):
            assert (await wild.get()).topic == "lists/end"
        assert len(listed.get_nowait().payload) == 3 * LARGEST_PAYLOAD_BYTES
        assert listed.empty()
        broker.unsubscribe("lists/all", listed.put_nowait)
        broker.subscribe("lists/all", listed.put_nowait)  # whoever comes later expects no more than others
        broker.publish("lists/all", b"x" * (LARGEST_PAYLOAD_BYTES + 1))
        broker.publish("lists/all", b"last")
        async with asyncio.timeout(PATIENT_S):
            assert (await listed.get()).payload == b"last"


async def test_a_bug_in_a_receiver_ends_the_hub(mosquitto: Mosquitto) -> None:
    broker = Broker(port=mosquitto.port, client_id="bug")

    def broken(message: Message) -> None:
        raise TypeError("a bug")

    task = asyncio.create_task(broker.run())
    await broker.wait_connected(PATIENT_S)
    broker.subscribe("bug", broken)
    broker.publish("bug", "")
    with pytest.raises(TypeError, match="a bug"):
        async with asyncio.timeout(PATIENT_S):
            await task


async def test_a_silent_listener_is_no_broker() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    told: list[tuple[bool, str]] = []
    broker = Broker(
        port=server.sockets[0].getsockname()[1], connect_limit_s=0.1, on_connection=lambda *what: told.append(what)
    )
    task = asyncio.create_task(broker.run())
    await settled(lambda: bool(told))
    assert told[0][0] is False
    assert "no answer" in told[0][1]
    task.cancel()
    await asyncio.wait([task])
    server.close()
    await server.wait_closed()


async def test_a_server_that_talks_nonsense_is_no_broker() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    told: list[tuple[bool, str]] = []
    broker = Broker(
        port=server.sockets[0].getsockname()[1], connect_limit_s=1.0, on_connection=lambda *what: told.append(what)
    )
    task = asyncio.create_task(broker.run())
    await settled(lambda: bool(told))
    assert told[0][0] is False
    task.cancel()
    await asyncio.wait([task])
    server.close()
    await server.wait_closed()


LEVELS = st.one_of(st.sampled_from(["+", "#", "a#", "+b", "$SYS", ""]), st.text(st.characters(), max_size=4))
TOPICS = st.one_of(
    st.lists(LEVELS, max_size=5).map("/".join),
    st.integers(0, 400).map(lambda count: "/".join("a" * count)),
    st.integers(65_530, 65_540).map(lambda length: "a" * length),
    st.characters(codec=None).map(lambda sign: f"a{sign}"),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topic=TOPICS)
def test_no_topic_that_a_device_may_tell_costs_the_connection(carrying: Carrying, topic: str) -> None:
    carrying.ask(topic)


async def test_a_topic_that_no_broker_carries_is_not_asked_for_again_and_again(mosquitto: Mosquitto) -> None:
    told: list[bool] = []
    broker = Broker(port=mosquitto.port, client_id="carries", on_connection=lambda well, _: told.append(well))
    async with running(broker):
        for topic in ("tele/x\n/LWT", "a/" * 200, "a" * 65_536, "", "\ud800", "\uffff"):
            with pytest.raises(TopicInvalid):
                broker.subscribe(topic, lambda _: None)
            with pytest.raises(BrokerUnreachable, match="no broker carries"):
                broker.publish(topic, "ON")
        came: asyncio.Queue[Message] = asyncio.Queue()
        broker.subscribe("a" * 65_000, came.put_nowait)
        broker.publish("a" * 65_000, "still there")
        async with asyncio.timeout(PATIENT_S):
            assert (await came.get()).payload == b"still there"
    assert told == [True]


def test_mosquitto_is_found_where_debian_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert mosquitto_binary().name == "mosquitto"
