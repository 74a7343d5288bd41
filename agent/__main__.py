"""The command `kwh-hub`."""

import argparse
import logging
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from agent.commands.config import config_check
from agent.commands.devices.speaking import printable
from agent.commands.devices.words import add_devices
from agent.commands.plan import amount, celsius, day_of_year, hours, plan, seconds, time_of_day
from agent.commands.prices import prices
from agent.commands.run import run
from agent.commands.status import status
from agent.errors import HubError, ProfileInvalid, SettingsInvalid

_EXIT_CODES = """\
exit codes:
  0  done
  1  something outside failed: a feed, a device, the disk; the message says what to do
  2  the command line or a settings file is wrong; the message names the field and the remedy
  3  a fault of the hub itself; please report it with the output
  141  nobody reads the output any more (kwh-hub … | head)

Every setting can also be given by the environment: KWH_HUB_MQTT__HOST=192.168.1.5 overrides host in [mqtt].
"""

_NOBODY_READS = 141
"""As a shell says of a program that a broken pipe has ended."""
_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code.

    Where nobody reads any more what it prints (`| head`) it ends quietly.
    """
    code = 0
    try:
        code = _done(argv)
        sys.stdout.flush()
    except SystemExit as ended:  # also what rich makes of a broken pipe
        if not isinstance(ended.__context__, BrokenPipeError) and not _unheard():
            raise
    except BrokenPipeError:
        pass
    else:
        return code
    _be_quiet()
    return code or _NOBODY_READS


def _unheard() -> bool:
    """Whether standard output is a pipe whose other end is closed."""
    try:
        ends = select.poll()
        ends.register(sys.stdout.fileno(), 0)
        return any(what & select.POLLERR for _, what in ends.poll(0))
    except (OSError, ValueError):  # no file stands behind it
        return False


def _be_quiet() -> None:
    """What is still to be printed goes nowhere, or the interpreter would complain of it at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def _done(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    act: Callable[[argparse.Namespace], int] = arguments.act
    try:
        return act(arguments)
    except HubError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130
    except ExceptionGroup as group:
        expected, bugs = group.split(HubError)
        if expected is None or bugs is not None:
            return _broken(group)
        return max(_refused(error) for error in _leaves(expected))
    except Exception as error:  # noqa: BLE001 - the last place that can say it
        return _broken(error)


def _broken(error: Exception) -> int:
    """Say what no one foresaw. Raises BrokenPipeError if it only is that nobody reads the output."""
    pipes, others = error.split(BrokenPipeError) if isinstance(error, ExceptionGroup) else (error, None)
    if others is None and isinstance(pipes, BrokenPipeError | ExceptionGroup) and _unheard():
        raise BrokenPipeError from error
    _log.error("the hub ends because of a fault of its own", exc_info=error)
    return 3


def _refused(error: HubError) -> int:
    print(f"kwh-hub: {printable(str(error))}", file=sys.stderr)
    return 2 if isinstance(error, SettingsInvalid | ProfileInvalid) else 1


def _leaves(group: ExceptionGroup[HubError]) -> Iterator[HubError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def parser() -> argparse.ArgumentParser:
    """The command line of the hub."""
    top = argparse.ArgumentParser(
        prog="kwh-hub",
        description="Plans the day of a home around prices and weather, and switches its loads by the plan.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"kwh-hub {version('kwh-hub')}")
    words = top.add_subparsers(required=True, metavar="COMMAND")
    _add_run(words)
    _add_plan(words)
    add_devices(words)
    _add_prices(words)
    _add_status(words)
    _add_config(words)
    return top


Words = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns


def _word(
    words: "Words[argparse.ArgumentParser]",
    name: str,
    act: Callable[[argparse.Namespace], int],
    *,
    says: str,
    example: str,
) -> argparse.ArgumentParser:
    word = words.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    word.add_argument("--config", type=Path, default=Path("home.toml"), metavar="FILE", help="settings (home.toml)")
    word.set_defaults(act=act)
    return word


def _add_run(words: "Words[argparse.ArgumentParser]") -> None:
    _word(
        words,
        "run",
        run,
        says="run the hub until it is told to stop (SIGTERM, Ctrl-C); then every relay is switched off",
        example="kwh-hub run --config /etc/kwh-hub/home.toml",
    )


def _add_plan(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "plan",
        plan,
        says="plan one day offline, from files, without touching anything",
        example="kwh-hub plan --config examples/paper.toml --prices examples/paper-prices.csv --date 2020-01-01",
    )
    word.add_argument("--prices", type=Path, metavar="CSV", help="columns ts,ptf_tl_mwh: start of delivery, TRY/MWh")
    word.add_argument(
        "--weather",
        type=Path,
        metavar="CSV",
        help="columns ts,temperature_c,irradiance_w_m2, and wind_speed_m_s for a turbine (without: the climate)",
    )
    word.add_argument("--date", type=day_of_year, metavar="YYYY-MM-DD", help="local day (the first in the files)")
    word.add_argument("--start", type=time_of_day, metavar="HH:MM", help="plan from here to midnight (00:00)")
    word.add_argument("--hours", type=hours, metavar="H", help="plan so many hours instead, 1 to 48")
    word.add_argument("--room", type=celsius, metavar="°C", help="room at the start (middle of its band)")
    word.add_argument("--tank", type=celsius, metavar="°C", help="tank at the start (its thermostat's setpoint)")
    word.add_argument(
        "--charge", type=amount, metavar="WH", help="battery at the start (middle between reserve and full)"
    )
    word.add_argument("--peak", type=amount, metavar="W", help="the month's peak so far, for [demand] (0)")
    word.add_argument("--announced", type=Path, metavar="JSON", help="the plan before: said is what changes and why")
    word.add_argument("--time-limit", type=seconds, metavar="S", help="seconds for the solver (planning.time_limit_s)")
    word.add_argument("--json", action="store_true", help="print the whole plan as JSON")


def _add_prices(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "prices",
        prices,
        says="fetch the day-ahead prices of a day",
        example="kwh-hub prices --date 2026-04-01",
    )
    word.add_argument("--date", type=day_of_year, metavar="YYYY-MM-DD", help="local day (today)")
    word.add_argument("--smf", action="store_true", help="the balancing market's prices instead")
    word.add_argument("--json", action="store_true", help="print JSON")


def _add_status(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "status",
        status,
        says="say what the hub is doing and why; also while it runs",
        example="kwh-hub status --json",
    )
    word.add_argument("--json", action="store_true", help="print JSON")


def _add_config(words: "Words[argparse.ArgumentParser]") -> None:
    config = words.add_parser("config", help="work with the settings file", description="Work with the settings file.")
    inner = config.add_subparsers(required=True, metavar="COMMAND")
    _word(
        inner,
        "check",
        config_check,
        says="check a settings file and say what it lacks",
        example="kwh-hub config check --config home.toml",
    )


if __name__ == "__main__":
    sys.exit(main())
