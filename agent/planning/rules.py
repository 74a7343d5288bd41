"""What appliances and a battery do by themselves, without a plan."""

from collections.abc import Sequence

from agent.planning.grid.model import Dispatch, Model
from agent.planning.grid.runs import Errand


def soonest(errand: Errand, spare_w: list[float]) -> tuple[bool, ...]:
    """As soon as there is power for a whole run, else as soon as it may; takes that power from `spare_w`."""
    free = (
        begin
        for begin in errand.begins()
        if all(power_w <= spare_w[begin + place] for place, power_w in enumerate(errand.profile_w))
    )
    course = errand.at(next(free, None if errand.may_skip else errand.begins()[0]), len(spare_w))
    for step, power_w in enumerate(errand.power_w(course)):
        spare_w[step] -= power_w
    return course


def fitting(errands: Sequence[Errand], spare_w: Sequence[float]) -> tuple[Errand, ...]:
    """The errands for which there is power, if each in turn runs as soon as it may."""
    left_w, found = list(spare_w), []
    for errand in errands:
        before_w = list(left_w)
        soonest(errand, left_w)
        if all(left >= min(0.0, before) for left, before in zip(left_w, before_w, strict=True)):
            found.append(errand)
        else:
            left_w = before_w
    return tuple(found)


def own_use(model: Model, dispatch: Dispatch) -> tuple[float, ...] | None:
    """The battery takes what would be sold and gives what would be bought, as inverters come set; None without one.

    Where the end must be as the start was it keeps what it had.
    """
    bank = model.bank
    if bank is None:
        return None
    holding_wh, course_w = bank.start_wh, []
    low_wh = max(bank.low_wh, bank.end_low_wh)
    for net_w, hours in zip(model.net_w(dispatch), model.exchange.hours, strict=True):
        room_w = (bank.high_wh - holding_wh) / (bank.charge_efficiency * hours)
        left_w = max(0.0, holding_wh - low_wh) * bank.discharge_efficiency / hours
        power_w = max(-bank.discharge_w, -left_w, min(-net_w, bank.charge_w, room_w))
        course_w.append(power_w)
        holding_wh += bank.stored_wh(power_w, hours)
    return tuple(course_w)
