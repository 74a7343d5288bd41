from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from agent.domain.house import AIR_CONDITIONER
from agent.domain.interval import Series
from agent.domain.plan import Fallback, Method
from simulators.report.picture import drawn, write_picture
from simulators.report.record import PlanSummary, RunRecord, cost_try, half_hours
from simulators.report.strip import HEIGHTS, heights, shares, strip
from simulators.report.table import FALLBACK_WORDS, signed, summary
from tests.demo.days import PRICES, SPAN, hours, load_on, record, run


def text_of(told: RenderableType, width: int = 80) -> str:
    said = StringIO()
    Console(width=width, file=said).print(told)
    return said.getvalue()


def sentences_of(text: str) -> str:
    return " ".join(text.split())


def row_of(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if label in line)


def test_a_bill_is_energy_times_the_price_of_its_hour() -> None:
    assert cost_try(load_on(AIR_CONDITIONER, 1000, hours(4, 6)).energy_wh, PRICES) == pytest.approx(2 * 0.2)
    assert cost_try(load_on(AIR_CONDITIONER, 1000, hours(3, 5)).energy_wh, PRICES) == pytest.approx(0.2 + 0.3)
    base_try = 0.3 * (22 * 0.3 + 2 * 0.2)
    assert record().planned.bill_try(PRICES) == pytest.approx(base_try + 0.4 + 0.4)
    assert record().thermostat.bill_try(PRICES) == pytest.approx(base_try + 0.6 + 0.6)


@given(prices=st.lists(st.floats(-1, 10), min_size=24, max_size=24))
def test_a_bill_is_the_sum_of_its_parts_at_any_price(prices: list[float]) -> None:
    price = Series.of(zip([span for span, _ in PRICES.items()], prices, strict=True))
    lived = record().planned
    parts = [cost_try(load.energy_wh, price) for load in lived.loads]
    assert lived.bill_try(price) == pytest.approx(sum(parts) + cost_try(lived.base_energy_wh, price), abs=1e-9)


def test_heat_left_over_is_worth_the_electricity_that_would_make_it() -> None:
    day = record()
    warmer = day.planned.model_copy(update={"room_heat_wh": 3200.0, "tank_heat_wh": 1000.0})
    mean_try = PRICES.mean(SPAN)
    assert day.model_copy(update={"planned": warmer}).heat_left_try == pytest.approx(
        (3200 / 3.2 + 1000) / 1000 * mean_try
    )
    assert day.model_copy(update={"thermostat": warmer}).heat_left_try == pytest.approx(-2 * mean_try)


def test_the_table_says_what_was_saved_and_at_what_cost_of_comfort() -> None:
    text = text_of(summary(record()))
    bill = row_of(text, "Electricity bill")
    assert "2.90 TL" in bill
    assert "3.30 TL" in bill
    assert "−0.40 TL (−12.1%)" in bill
    assert "1×, 2.0 kWh" in row_of(text, "Air conditioner on")
    assert "2×, 2.0 kWh" in row_of(text, "Air conditioner on")
    assert "12 min outside" in row_of(text, "Room 20.5–23.5")
    assert "always kept" in row_of(text, "Hot water 42–65")
    assert "outside its band by 0.3 °C at most" in sentences_of(text)
    assert "cost at most 1.2% more" in sentences_of(text)
    assert "In 1 of 2 plans it estimated prices" in sentences_of(text)


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    text = text_of(summary(record()))
    assert "Counting heat left " in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_every_fallback_has_words() -> None:
    assert set(FALLBACK_WORDS) == set(Fallback)


def test_a_plan_without_proof_is_not_called_good() -> None:
    plans = (PlanSummary(method=Method.THERMOSTAT, fallbacks=frozenset({Fallback.PLANNER_LATE})),)
    text = sentences_of(text_of(summary(record().model_copy(update={"plans": plans}))))
    assert "could not be proven" in text
    assert "ran out of time and followed the thermostats" in text
    silent = text_of(summary(record().model_copy(update={"plans": ()})))
    assert "no account of its plans" in silent


def test_a_plan_that_cost_more_says_so() -> None:
    day = record()
    text = text_of(summary(day.model_copy(update={"planned": day.thermostat, "thermostat": day.planned})))
    assert "The plan cost 0.40 TL (13.8%) more" in sentences_of(text)
    assert "+0.40 TL (+13.8%)" in row_of(text, "Electricity bill")


@given(value=st.floats(-1e6, 1e6))
def test_a_signed_number_reads_back(value: float) -> None:
    text = signed(value, 2)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.0051)
    assert "-" not in text
    assert text != "−0.00"


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=48))
def test_higher_prices_never_get_lower_blocks(values: list[float]) -> None:
    blocks = heights(values)
    order = sorted(range(len(values)), key=lambda k: values[k])
    ranks = [HEIGHTS.index(blocks[k]) for k in order]
    assert ranks == sorted(ranks)


def test_the_strip_shows_cheap_hours_low_and_loads_in_them() -> None:
    spans = half_hours(SPAN)
    assert heights([PRICES.mean(span) for span in spans]) == "█" * 8 + "▁" * 4 + "█" * 36
    assert shares((hours(4, 6),), spans) == " " * 8 + "█" * 4 + " " * 36
    text = text_of(strip(record()))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "0.20–0.30" in row_of(text, "Price")
    assert "2.0 h on" in row_of(text, "Air conditioner")


def test_a_load_that_was_on_for_a_minute_is_seen() -> None:
    block = SPAN.steps(60)[7]
    assert shares((block,), half_hours(SPAN))[0] == "░"


def test_the_picture_is_written_twice(tmp_path: Path) -> None:
    png, svg = write_picture(record(), tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 20_000
    assert ET.parse(svg).getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_the_same_day_gives_the_same_picture(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert (
        write_picture(record(), tmp_path)[1].read_bytes() == write_picture(record(), tmp_path / "again")[1].read_bytes()
    )


def test_the_picture_has_price_room_water_and_loads_within_the_day() -> None:
    axes = drawn(record()).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["Price on the bill", "Room", "Hot water", "Switched on"]
    low_c, high_c = axes[1].get_ylim()
    assert low_c < 20.5
    assert high_c > 23.5
    assert len({axis.get_xlim() for axis in axes}) == 1


def test_a_home_without_a_tank_has_no_panel_for_it() -> None:
    day = record()
    dry = day.house.model_copy(update={"tank": None, "water_heater": None})

    def without_tank(lived: RunRecord) -> RunRecord:
        gone = {"tank_temperature_c": None, "water_temperature_c": None, "water_outside": None}
        return lived.model_copy(update={"loads": lived.loads[:1], **gone})

    day = day.model_copy(
        update={"house": dry, "planned": without_tank(day.planned), "thermostat": without_tank(day.thermostat)}
    )
    assert len(drawn(day).axes) == 3
    assert "Hot water" not in text_of(summary(day))


def test_a_day_of_nothing_can_be_told() -> None:
    idle = run((), ())
    day = record().model_copy(update={"planned": idle, "thermostat": idle})
    assert "0×, 0.0 kWh" in text_of(summary(day))
    assert len(drawn(day).axes) == 4
