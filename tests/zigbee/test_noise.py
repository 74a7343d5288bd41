"""Whatever a device or the line says, the hub and its relays are as before."""

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.zigbee.network import ZigbeeNetwork
from simulators.circuit import Heater
from tests.contract.bench import StillClock
from tests.zigbee.home import Formed, adopt, copied, network_on, running
from tests.zigbee.plugged import put, relay_of


def test_no_frame_moves_a_relay_or_breaks_the_hub(
    left: Formed, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a device or the line says: one home hears it all, and is as before."""

    async def live(noise: list[tuple[int, int, bytes, bytes]]) -> None:
        clock, heater = StillClock(), Heater()
        folder = tmp_path_factory.mktemp("fuzz")
        async with copied(left, folder) as stick:
            network: ZigbeeNetwork = network_on(stick, folder, clock)
            device = put(stick, clock, heater)
            async with running(network):
                relay = relay_of(adopt(network, device, "zigbee-plug"))
                before = (await relay.switch(on=True)).on
                for cluster, endpoint, payload, line in noise:
                    stick.hear(device, cluster, endpoint, payload[:200])
                    stick.hear_zdo(device, cluster, 1, payload[:200])
                    stick.say_raw(line)
                stick.say_raw(bytes(300))
                assert (await relay.read()).on is before is heater.on
                assert len(network._stations) == 1
                assert len(network._stations[device.address]._heard) <= 8
                assert device.obeyed == [0x01]

    clusters = st.sampled_from([0x0006, 0x0402, 0x0702, 0x0B04, 0x0000, 0xFC00, 0x0019])
    frames = st.one_of(
        st.binary(max_size=60), st.builds(lambda rest: b"\x18\x05\x0a\x00\x00" + rest, st.binary(max_size=20))
    )

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(clusters, st.integers(0, 255), frames, st.binary(max_size=80)), max_size=20))
    def heard(noise: list[tuple[int, int, bytes, bytes]]) -> None:
        asyncio.run(live(noise))

    with caplog.at_level(logging.CRITICAL):
        heard()
