"""Each load's and each appliance's best reply to what all else does, the battery answering at what charge is worth.

Given the others, what a load adds in a step is the difference of two exchanges, with the battery free to take a part of
it: at the worth of its charge at that time, which the program of its course tells. Solved for these costs by itself a
load often finds something better for all, and then the next one does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

import numpy as np

from agent.domain.device import Name
from agent.planning.alone.limits import Limits
from agent.planning.alone.pricing import priced
from agent.planning.grid.model import Dispatch, Model
from agent.planning.grid.runs import Errand
from agent.planning.joint.charging import worth_of_charge
from agent.planning.joint.choices import Floats, exchange_try, levels_w, stored
from agent.planning.joint.prices import errand_to_go
from agent.planning.joint.tracks import ErrandMoves

_NEVER_TRY = 1e6
_BEAM = 50


def replies(model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch, cells: int) -> Iterator[Dispatch]:
    """Dispatches in which one load or one appliance does otherwise; the battery's course is left as it is."""
    worth_try_per_wh = worth_of_charge(model, dispatch)
    net_w = np.array(model.net_w(replace(dispatch, battery_w=None)))
    for load in model.loads:
        others_w = net_w - load.power_w * np.array(dispatch.loads[load.name])
        without_try = _answered_try(model, others_w, worth_try_per_wh)
        with_try = _answered_try(model, others_w + load.power_w, worth_try_per_wh)
        may_run = np.isfinite(with_try) & np.array(load.may_run)
        cost_try = np.where(may_run, with_try, 0.0) - np.where(np.isfinite(without_try), without_try, 0.0)
        asked = replace(load, may_run=tuple(may_run.tolist()))
        for schedule in priced(asked, limits[load.name], cost_try.tolist(), cells, _BEAM).schedules:
            if schedule != dispatch.loads[load.name]:
                yield replace(dispatch, loads={**dispatch.loads, load.name: schedule})
    for place, errand in enumerate(model.errands):
        others_w = net_w - np.array(list(errand.power_w(dispatch.runs[place])))
        levels_try = [_answered_try(model, others_w + level_w, worth_try_per_wh) for level_w in levels_w(errand)]
        phases_try = np.stack(levels_try, axis=1) - levels_try[0][:, np.newaxis]
        course = _cheapest(errand, np.where(np.isfinite(phases_try), phases_try, _NEVER_TRY))
        if course is not None and course != dispatch.runs[place]:
            yield replace(dispatch, runs=(*dispatch.runs[:place], course, *dispatch.runs[place + 1 :]))


def _answered_try(model: Model, net_w: Floats, worth_try_per_wh: Floats) -> Floats:
    """What each step costs with this net power, the battery doing its best in it; infinite where nothing keeps all."""
    exchange, bank = model.exchange, model.bank
    step = np.arange(len(net_w))
    sold_w = np.array(exchange.export_limit_w)
    least_w = -np.array(exchange.generation_w) - sold_w - net_w
    most_w = np.array(exchange.import_limit_w) - net_w
    least_w = np.maximum(least_w, 0.0 if bank is None else -bank.discharge_w)
    most_w = np.minimum(most_w, 0.0 if bank is None else bank.charge_w)
    finite_w = np.where(np.isfinite(sold_w), sold_w, 0.0)
    least_try = np.full(len(net_w), inf)
    for bend_w in (least_w, most_w, np.zeros(len(net_w)), -net_w, -net_w - finite_w):
        power_w = np.minimum(np.maximum(bend_w, least_w), most_w)
        cost_try = exchange_try(model, step, net_w + power_w)
        if bank is not None:
            cost_try += bank.wear_try_per_wh * np.array(exchange.hours) * np.maximum(0.0, -power_w)
            cost_try -= worth_try_per_wh * stored(model, bank, step, power_w)
        np.minimum(least_try, cost_try, out=least_try)
    least_try[least_w > most_w] = inf
    return least_try


def _cheapest(errand: Errand, phases_try: Floats) -> tuple[bool, ...] | None:
    """The course of a run that costs least."""
    still_try = errand_to_go(errand, phases_try)
    if not np.isfinite(still_try[0, 0]):
        return None
    moves, done, course = ErrandMoves(errand, still_try), np.zeros(1, np.int64), []
    for step in range(len(phases_try)):
        options = {runs: moves.after(step, done, runs=runs) for runs in (False, True)}
        paid_try = {
            runs: phases_try[step, errand_level(errand, int(done[0]))] * runs + float(option[3][0])
            for runs, option in options.items()
            if option[0][0]
        }
        runs = min(paid_try, key=lambda runs: paid_try[runs])
        course.append(runs)
        done = options[runs][1]
    return tuple(course)


def errand_level(errand: Errand, done: int) -> int:
    """Which of its levels an errand draws next."""
    return levels_w(errand).index(errand.profile_w[min(done, errand.duration - 1)])
