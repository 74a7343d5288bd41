"""What appliances and a battery do by themselves, without a plan."""

from collections.abc import Sequence

from agent.planning.grid.model import Dispatch, Model
from agent.planning.grid.runs import Errand


def soonest(errand: Errand, spare_w: list[float]) -> tuple[bool, ...]:
    """As soon as there is power for it, else as soon as it may; takes that power from `spare_w`."""
    course = _with_power(errand, spare_w)
    if course is None:
        course = errand.at(None if errand.may_skip else errand.begins()[0], len(spare_w))
    for step, power_w in enumerate(errand.power_w(course)):
        spare_w[step] -= power_w
    return course


def placed(errands: Sequence[Errand], spare_w: list[float]) -> tuple[tuple[bool, ...], ...]:
    """A course of each errand, as soon as may be; takes their power from `spare_w`."""
    courses = {place: soonest(errands[place], spare_w) for place in _by_urgency(errands)}
    return tuple(courses[place] for place in range(len(errands)))


def fitting(errands: Sequence[Errand], spare_w: Sequence[float]) -> tuple[Errand, ...]:
    """The errands for which there is power, if each in turn runs as soon as it may."""
    left_w, left_out = list(spare_w), set[int]()
    for place in _by_urgency(errands):
        errand = errands[place]
        if errand.may_skip or errand.is_running or _with_power(errand, left_w) is not None:
            soonest(errand, left_w)
        else:
            left_out.add(place)
    return tuple(errand for place, errand in enumerate(errands) if place not in left_out)


def _by_urgency(errands: Sequence[Errand]) -> list[int]:
    """Their places: those that run already first, then those that must end first."""
    return sorted(range(len(errands)), key=lambda place: (not errands[place].is_running, errands[place].stop))


def _with_power(errand: Errand, spare_w: Sequence[float]) -> tuple[bool, ...] | None:
    """The soonest course for which there is power; None if there is none."""
    count = len(spare_w)
    for begin in errand.begins():
        if all(power_w <= spare_w[begin + place] for place, power_w in enumerate(errand.profile_w)):
            return errand.at(begin, count)
    if errand.uninterruptible:
        return None
    course, place = [False] * count, 0
    for step in range(errand.first, errand.stop):
        if place < errand.duration and errand.profile_w[place] <= spare_w[step]:
            course[step] = True
            place += 1
    return tuple(course) if place == errand.duration else None


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
