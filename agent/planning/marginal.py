"""What one load costs in each step, given what all else does."""

from agent.planning.grid.model import Dispatch, Load, Model


def marginal_try(model: Model, dispatch: Dispatch, load: Load) -> tuple[float, ...]:
    """What being on adds to the bill in each step, TRY; a demand charge, which no single step decides, is left out."""
    schedule, exchange = dispatch.loads[load.name], model.exchange
    others_w = [net_w - load.power_w * on for net_w, on in zip(model.net_w(dispatch), schedule, strict=True)]
    return tuple(
        exchange.step_try(step, other_w + load.power_w) - exchange.step_try(step, other_w)
        for step, other_w in enumerate(others_w)
    )


def room_beside(model: Model, dispatch: Dispatch, load: Load) -> tuple[bool, ...]:
    """Whether the connection has room for a load in each step, beside all else; where it runs already it has."""
    schedule = dispatch.loads[load.name]
    rows = zip(model.net_w(dispatch), schedule, model.exchange.import_limit_w, strict=True)
    return tuple(bool(on) or net_w + load.power_w <= limit_w for net_w, on, limit_w in rows)
