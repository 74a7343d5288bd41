"""All that is said to and by one ZigBee device in frames of the cluster library, as it passes. Nothing is sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from zigpy.zcl.foundation import FrameType, GeneralCommand, ZCLHeader

CLUSTER = "cluster"
"""By what a message is told apart: the cluster and the command, as the library calls them."""
Hear = Callable[[bool, str, str, bytes, bool, int], None]
"""Told of one message: whether the device said it (or was told it), CLUSTER, which cluster and command, the frame,
whether it is old (never), and the device's endpoint."""

_KEEP_SECRETS = frozenset({0x0101, 0x0500, 0x0501, 0x0800, 0x1000})
"""Door locks, alarms, keys and commissioning: their frames may hold codes and keys."""


class Ears:
    """Who listens in on which device. One of these lives as long as the network, whatever becomes of its stick."""

    def __init__(self) -> None:
        self._ears: dict[str, list[Hear]] = {}

    @contextmanager
    def tap(self, ieee: str, hear: Hear) -> Iterator[None]:
        """Tell `hear` all frames of one device, until the block ends."""
        self._ears.setdefault(ieee, []).append(hear)
        try:
            yield
        finally:
            self._ears[ieee].remove(hear)

    def attach(self, application: Any) -> None:  # noqa: ANN401 - the library tells no types
        """Hear what this coordinator sends, too."""
        request = application.request

        async def heard_request(**what: Any) -> Any:  # noqa: ANN401
            self.hear(what["device"], what["cluster"], what["dst_ep"], bytes(what["data"]), from_device=False)
            return await request(**what)

        application.request = heard_request

    def hear(self, device: Any, cluster: int, endpoint: int | None, frame: bytes, *, from_device: bool) -> None:  # noqa: ANN401
        """One message of any device passes."""
        if not self._ears or not endpoint or cluster in _KEEP_SECRETS:
            return
        for hear in tuple(self._ears.get(str(device.ieee), ())):
            hear(from_device, CLUSTER, named(device, cluster, endpoint, frame), frame, False, endpoint)  # noqa: FBT003


def named(device: Any, cluster: int, endpoint: int, frame: bytes) -> str:  # noqa: ANN401
    """Cluster and command of a frame; a number where the library knows no name."""
    there = device.endpoints.get(endpoint)
    known = None if there is None else there.in_clusters.get(cluster) or there.out_clusters.get(cluster)
    name = getattr(known, "ep_attribute", None) or f"{cluster:#06x}"
    try:
        header, _ = ZCLHeader.deserialize(frame)
        if header.frame_control.frame_type is FrameType.GLOBAL_COMMAND:
            command = GeneralCommand(header.command_id)  # type: ignore[no-untyped-call]
            return f"{name}/{command.name.lower()}"
    except (ValueError, AttributeError):
        return f"{name}/unreadable"
    return f"{name}/{int(header.command_id):#04x}"
