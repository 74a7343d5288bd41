"""How a Shelly of generation 2 or later is made to start off, whatever carries its frames."""

from collections.abc import Awaitable, Callable

from agent.adapters.shelly.messages import STARTS_OFF, Call, Json, read_initial_state, switch_config, switch_starts_off


async def start_off(ask: Callable[[Call], Awaitable[Json]], channel: int) -> bool:
    """Set `initial_state` of one relay to off unless it is so; return whether it answers that it is.

    It holds for this relay only, and moves none. Raises ShellyMalformed, and what `ask` raises.
    """
    if read_initial_state(await ask(switch_config(channel))) == STARTS_OFF:
        return True
    await ask(switch_starts_off(channel))
    return read_initial_state(await ask(switch_config(channel))) == STARTS_OFF
