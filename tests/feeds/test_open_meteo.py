"""The weather service's forecast, asked for over HTTP, in good and in bad days."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.adapters.feeds.open_meteo import forecast_of
from agent.domain.interval import Interval
from agent.domain.weather import WeatherSource
from agent.errors import (
    FeedDown,
    FeedError,
    FeedImplausible,
    FeedIncomplete,
    FeedMalformed,
    FeedThrottled,
    FeedUnreachable,
)
from agent.ports import Weather
from simulators.feeds import Fault, ForecastError, OpenMeteoServer
from simulators.feeds.open_meteo import wind_m_s
from tests.feeds.test_epias_answers import any_json
from tests.feeds.worlds import HalfSineWeather, open_meteo

NOW = datetime(2020, 1, 1, 11, 40, tzinfo=UTC)
DAY = Interval(start=NOW.replace(minute=35), end=NOW.replace(minute=35) + timedelta(days=1))
TRUTH = HalfSineWeather()
ERROR_OF = {
    Fault.SERVER_ERROR: FeedDown,
    Fault.THROTTLED: FeedThrottled,
    Fault.HTML: FeedMalformed,
    Fault.TRUNCATED: FeedUnreachable,
    Fault.TRICKLE: FeedUnreachable,
    Fault.FLOOD: FeedMalformed,
    Fault.SILENT: FeedUnreachable,
    Fault.DOWN: FeedUnreachable,
    Fault.NULLS: FeedImplausible,
    Fault.BRIGHT: FeedImplausible,
}


def test_every_fault_of_the_server_has_its_error() -> None:
    assert set(ERROR_OF) == OpenMeteoServer.faults


@pytest.mark.parametrize("fault", sorted(ERROR_OF))
async def test_each_failure_is_its_own_error_and_passes(fault: Fault) -> None:
    async with open_meteo(NOW, fault=fault) as (weather, server, _):
        with pytest.raises(FeedError) as caught:
            await weather.forecast(DAY)
        assert type(caught.value) is ERROR_OF[fault]
        await server.fail(None)
        assert (await weather.forecast(DAY)).source is WeatherSource.FORECAST


async def test_radiation_belongs_to_the_hour_before_its_time() -> None:
    async with open_meteo(NOW) as (weather, _, _):
        asked: Weather = weather
        forecast = await asked.forecast(DAY)
    assert forecast.issued_at == NOW
    first = Interval(start=NOW.replace(hour=6, minute=0), end=NOW.replace(hour=7, minute=0))
    true_mean = sum(TRUTH.irradiance_w_m2(first.start + timedelta(minutes=k + 0.5)) for k in range(60)) / 60
    assert forecast.irradiance_w_m2.mean(first) == pytest.approx(true_mean, rel=0.02)
    assert forecast.irradiance_w_m2.at(first.start - timedelta(minutes=1)) == 0


async def test_the_temperature_of_an_hour_is_the_mean_of_its_ends() -> None:
    async with open_meteo(NOW) as (weather, _, _):
        forecast = await weather.forecast(DAY)
    assert forecast.outdoor_temperature_c.at(NOW.replace(hour=7)) == pytest.approx((11.4 + 11.6) / 2)


@settings(max_examples=30)  # each is a round over HTTP
@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2020, 1, 1, 23, 59)),  # noqa: DTZ001 - made aware below
    hours=st.integers(min_value=1, max_value=48),
)
@example(start=datetime(2020, 1, 1, 23, 59), hours=48)  # noqa: DTZ001 - made aware below
@example(start=datetime(2019, 12, 31, 22, 30), hours=3)  # noqa: DTZ001 - made aware below
@pytest.mark.parametrize("now_hour", [0, 23])
async def test_the_forecast_covers_what_was_asked_for(now_hour: int, start: datetime, hours: int) -> None:
    span = Interval(start=start.replace(tzinfo=UTC), end=start.replace(tzinfo=UTC) + timedelta(hours=hours))
    async with open_meteo(datetime(2020, 1, 1, now_hour, tzinfo=UTC)) as (weather, _, _):
        forecast = await weather.forecast(span)
    assert forecast.irradiance_w_m2.covers(span)
    assert forecast.outdoor_temperature_c.covers(span)


async def test_a_span_beyond_the_forecast_is_incomplete() -> None:
    far = Interval(start=NOW + timedelta(days=20), end=NOW + timedelta(days=21))
    async with open_meteo(NOW) as (weather, _, _):
        with pytest.raises(FeedIncomplete):
            await weather.forecast(far)


async def test_the_reason_of_a_refusal_is_passed_on_and_asking_again_is_useless() -> None:
    async with open_meteo(NOW, latitude=99) as (weather, _, _):
        with pytest.raises(FeedError, match=r"400.*latitude must be in range of -90 to 90") as caught:
            await weather.forecast(DAY)
    assert not caught.value.retryable


async def test_a_forecast_is_wrong_by_more_the_farther_it_looks() -> None:
    async with open_meteo(NOW, error=ForecastError(temperature_c=3, seed=1)) as (weather, _, _):
        forecast = await weather.forecast(DAY)
    async with open_meteo(NOW) as (weather, _, _):
        truth = await weather.forecast(DAY)
    errors = [
        abs(forecast.outdoor_temperature_c.at(moment) - truth.outdoor_temperature_c.at(moment))
        for moment in (NOW - timedelta(hours=6), NOW + timedelta(hours=20))
    ]
    assert errors[0] == 0
    assert 0 < max(errors) <= 3.1


async def test_wind_is_asked_for_in_metres_per_second() -> None:
    async with open_meteo(NOW) as (weather, _, _):
        forecast = await weather.forecast(DAY)
    assert forecast.wind_speed_m_s is not None
    hour = NOW.replace(minute=0)
    expected = (wind_m_s(hour) + wind_m_s(hour + timedelta(hours=1))) / 2
    assert forecast.wind_speed_m_s.at(NOW) == pytest.approx(expected, abs=0.06)


HOURS = [1_577_836_800 + 3600 * k for k in range(72)]
numbers = st.none() | st.floats() | st.integers() | st.text(max_size=3)
nearly_columns = st.fixed_dictionaries(
    {
        "time": st.just(HOURS) | st.lists(st.integers() | st.just("2020-01-01T00:00"), max_size=4) | any_json,
        "temperature_2m": st.lists(st.floats(-70, 70), min_size=72, max_size=72) | st.lists(numbers, max_size=73),
        "shortwave_radiation": st.lists(st.floats(-1, 1501), min_size=72, max_size=72) | st.lists(numbers, max_size=4),
    },
    optional={
        "wind_speed_10m": st.lists(st.floats(-1, 121), min_size=72, max_size=72) | st.lists(numbers, max_size=73)
    },
)


@given(any_json | st.fixed_dictionaries({"hourly": nearly_columns | any_json}))
def test_any_json_is_read_or_refused(answer: object) -> None:
    try:
        forecast = forecast_of(json.dumps(answer).encode(), DAY, NOW)
    except FeedError:
        return
    assert forecast.irradiance_w_m2.covers(DAY)
    assert all(0 <= value <= 1500 for value in forecast.irradiance_w_m2.values)
    assert all(-60 <= value <= 60 for value in forecast.outdoor_temperature_c.values)
    assert forecast.wind_speed_m_s is None or all(0 <= value <= 120 for value in forecast.wind_speed_m_s.values)


def answer(temperature: object = 5.0, radiation: object = 100.0, wind: object = 4.0, hours: list[int] = HOURS) -> bytes:
    given = {"temperature_2m": temperature, "shortwave_radiation": radiation, "wind_speed_10m": wind}
    columns = {name: [value] * len(hours) for name, value in given.items()}
    return json.dumps({"hourly": {"time": hours, **columns}}).encode()


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (answer(temperature=None), FeedImplausible, "temperature_2m at 2020-01-01 00:00 UTC is null"),
        (answer(temperature=60.1), FeedImplausible, r"60\.1 is outside -60 to 60"),
        (answer(radiation=-1), FeedImplausible, "-1.0 is outside 0 to 1500"),
        (answer(wind=-0.1), FeedImplausible, "wind_speed_10m at 2020-01-01 00:00 UTC: -0.1 is outside 0 to 120"),
        (answer(temperature="5"), FeedMalformed, r"hourly\.temperature_2m\.0"),
        (answer(hours=[*HOURS[:5], *HOURS[6:]]), FeedMalformed, "06:00 UTC follows 2020-01-01 04:00 UTC: not an hour"),
        (answer(hours=[10**20, 10**20 + 3600]), FeedMalformed, r"hourly\.time\.0"),
        (answer(hours=HOURS[24:]), FeedIncomplete, "got 2020-01-02"),
        (b'{"error":true,"reason":"out of coffee"}', FeedMalformed, "hourly"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, error: type[FeedError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        forecast_of(body, DAY, NOW)
    assert type(caught.value) is error


def test_a_model_that_knows_no_wind_gives_a_forecast_all_the_same() -> None:
    assert forecast_of(answer(wind=None), DAY, NOW).wind_speed_m_s is None
    without = json.loads(answer())
    del without["hourly"]["wind_speed_10m"]
    assert forecast_of(json.dumps(without).encode(), DAY, NOW).wind_speed_m_s is None
