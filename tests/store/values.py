"""Values to keep: hypothesis strategies, and plain ones where any value will do."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from agent.domain.command import Cause, Command, Stage
from agent.domain.condition import Condition
from agent.domain.device import Reading
from agent.domain.interval import Interval, Series
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Fallback, LoadPlan, Method, Plan, Proof, ProofStatus
from agent.domain.weather import WeatherForecast, WeatherSource

START = datetime(2026, 1, 1, tzinfo=UTC)

# Few and close together, so that things meet, and down to the microsecond, so that nothing may be rounded.
moments = st.builds(
    lambda hours, micros: START + timedelta(hours=hours, microseconds=micros), st.integers(0, 48), st.integers(-1, 1)
)
spans = st.builds(
    lambda start, length_us: Interval(start=start, end=start + timedelta(microseconds=length_us)),
    moments,
    st.sampled_from([1, 3_600_000_000, 86_400_000_000]),
)
loads = st.sampled_from(["air_conditioner", "water_heater"])
amounts = st.floats(-1e6, 1e6)
days = st.sampled_from([date(2026, 1, 1), date(2026, 1, 2)])


@st.composite
def some_series(draw: st.DrawFn) -> Series:
    span = Interval(start=START, end=START + timedelta(hours=draw(st.integers(1, 4))))
    return Series.of((hour, draw(amounts)) for hour in span.steps(3600))


proofs = st.builds(
    Proof,
    status=st.sampled_from(ProofStatus),
    bill_try=amounts,
    movable_try=amounts,
    movable_bound_try=st.none() | amounts,
    thermostat_movable_try=amounts,
)
some_plans = st.builds(
    Plan,
    plan_id=st.sampled_from([f"plan-{number}" for number in range(12)]),
    made_at=moments,
    horizon=spans,
    step_s=st.just(300),
    method=st.sampled_from(Method),
    loads=st.lists(
        st.builds(LoadPlan, load=loads, power_w=amounts, on=st.lists(spans, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    room_temperature_c=st.none() | some_series(),
    price_try_per_kwh=some_series(),
    proof=proofs,
    fallbacks=st.frozensets(st.sampled_from(Fallback), max_size=2),
)
some_commands = st.builds(
    Command,
    command_id=st.sampled_from([f"command-{number}" for number in range(6)]),
    load=loads,
    device=st.sampled_from(["plug-1", "plug-2"]),
    on=st.booleans(),
    cause=st.sampled_from(Cause),
    stage=st.sampled_from(Stage),
    at=moments,
)
some_conditions = st.builds(
    Condition,
    subject=st.sampled_from(["broker", "feed:epias", "device:ısıtıcı"]),
    well=st.booleans(),
    at=moments,
    detail=st.text(max_size=10),
)
some_prices = st.builds(
    DayAheadPrices, day=days, status=st.sampled_from(PriceStatus), fetched_at=moments, price_try_per_kwh=some_series()
)
some_forecasts = st.builds(
    WeatherForecast,
    issued_at=moments,
    source=st.sampled_from(WeatherSource),
    outdoor_temperature_c=some_series(),
    irradiance_w_m2=some_series(),
)
some_readings = st.builds(
    Reading,
    device=st.sampled_from(["plug-1", "plug-2", "sensor"]),
    at=moments,
    power_w=st.none() | amounts,
    energy_wh=st.none() | st.integers(0, 2**63 - 1),
    temperature_c=st.none() | st.floats(-60, 150),
)


def plan(number: int, *, points: int = 288) -> Plan:
    """A day's plan of a realistic size, made `number` minutes after the start."""
    made_at = START + timedelta(minutes=number)
    horizon = Interval(start=made_at, end=made_at + timedelta(days=1))
    predicted = Series.of((step, 20 + index / 7) for index, step in enumerate(horizon.steps(86_400 // points)))
    return Plan(
        plan_id=f"plan-{number}",
        made_at=made_at,
        horizon=horizon,
        step_s=300,
        method=Method.MILP,
        loads=(LoadPlan(load="water_heater", power_w=2000.0, on=horizon.steps(43_200)),),
        room_temperature_c=predicted,
        tank_temperature_c=predicted,
        price_try_per_kwh=predicted,
        proof=Proof(status=ProofStatus.UNPROVEN, bill_try=1.0, movable_try=1.0, thermostat_movable_try=1.0),
    )


def command(number: int, stage: Stage = Stage.REQUESTED) -> Command:
    """A command of the plan, given `number` seconds after the start."""
    return Command(
        command_id=f"command-{number}",
        load="water_heater",
        device="plug-1",
        on=number % 2 == 0,
        cause=Cause.PLAN,
        stage=stage,
        at=START + timedelta(seconds=number),
    )


def step_readings(number: int) -> list[Reading]:
    """What twelve devices measured, `number` seconds after the start."""
    at = START + timedelta(seconds=number)
    return [Reading(device=f"plug-{index}", at=at, power_w=10.5 * index, energy_wh=number) for index in range(12)]


ALL_TIME = Interval(start=START - timedelta(days=1), end=START + timedelta(days=365))


def condition(number: int) -> Condition:
    """The broker is lost or back."""
    return Condition(subject="broker", well=number % 2 == 0, at=START)


def prices(number: int) -> DayAheadPrices:
    """Final prices of the first day."""
    flat = Series.constant(ALL_TIME, float(number))
    return DayAheadPrices(day=START.date(), status=PriceStatus.FINAL, fetched_at=START, price_try_per_kwh=flat)


def forecast(number: int) -> WeatherForecast:
    """A forecast without any weather in it."""
    flat = Series.constant(ALL_TIME, float(number))
    return WeatherForecast(
        issued_at=START, source=WeatherSource.FORECAST, outdoor_temperature_c=flat, irradiance_w_m2=flat
    )
