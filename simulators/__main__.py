"""`python -m simulators`: the world in which the hub can be tried."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from agent.errors import HubError
from simulators import parts
from simulators.demo import DemoOptions, demo
from simulators.feeds import EpiasServer, Fault, OpenMeteoServer
from simulators.mqtt.mosquitto import MosquittoFailed, MosquittoMissing

HOUSE = Path("examples/home.toml")
FIRST_DAY = date(2020, 1, 1)
Words = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    arguments = parser().parse_args(argv)
    act: Callable[[argparse.Namespace], int] = arguments.act
    try:
        return act(arguments)
    except (HubError, MosquittoFailed, MosquittoMissing) as error:
        print(f"simulators: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line of the simulated world."""
    top = argparse.ArgumentParser(
        prog="python -m simulators",
        description="A simulated home: one physical house on one clock, plugs on a real broker, servers shaped like "
        "EPİAŞ and Open-Meteo. `demo` shows a whole day with the hub; the other words start the home or parts of it.",
    )
    words = top.add_subparsers(required=True, metavar="WHAT")
    _add_demo(words)
    _add_home(words)
    _add_parts(words)
    return top


def _add_demo(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "demo",
        lambda arguments: demo(_demo_options(arguments)),
        says="live through a day with the hub and tell what it saved, in about a minute",
        example="python -m simulators demo --date 2020-01-01 --keep",
        speed=1440.0,
    )
    word.add_argument("--folder", type=Path, default=Path("var/demo"), help="picture, log, hub's memory (var/demo)")
    _add_faults(word)
    word.add_argument("--hours", type=float, metavar="H", help="only so many hours from midnight")
    word.add_argument("--keep", action="store_true", help="stay up afterwards and say how to look")


def _add_home(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "home",
        parts.home,
        says="start everything but the hub, and stay up until SIGTERM or Ctrl-C",
        example="python -m simulators home --folder var/home &\n"
        "  set -a; . var/home/home.env; set +a; kwh-hub run --config examples/home.toml",
        speed=60.0,
    )
    word.add_argument(
        "--folder", type=Path, required=True, help="gets home.env (settings for the hub), truth.json, clock.json, ready"
    )
    _add_faults(word)
    word.add_argument("--mqtt-port", type=int, default=0, metavar="N", help="port of the broker (a free one)")
    word.add_argument("--wait", action="store_true", help="let the clock stand still until a hub is ready")


def _add_parts(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(
        words,
        "feeds",
        parts.feeds,
        says="start only the servers shaped like EPİAŞ and Open-Meteo",
        example="python -m simulators feeds --date 2020-01-01 --speed 1 --epias-fault hours_23",
        speed=1.0,
    )
    _add_faults(word)
    word = _word(
        words,
        "plugs",
        parts.plugs,
        says="start only a broker with the home's plugs and thermometers on it, and the house behind them",
        example="python -m simulators plugs --mqtt-port 18830 &\n"
        "  mosquitto_pub -p 18830 -t cmnd/tasmota_000001/POWER -m ON",
        speed=1.0,
    )
    word.add_argument("--mqtt-port", type=int, default=0, metavar="N", help="port of the broker (a free one)")
    _word(
        words,
        "house",
        parts.house,
        says="let the house alone live a day under its thermostats and print it hour by hour",
        example="python -m simulators house --house examples/paper.toml",
        speed=None,
    )


def _word(
    words: "Words[argparse.ArgumentParser]",
    name: str,
    act: Callable[[argparse.Namespace], int],
    *,
    says: str,
    example: str,
    speed: float | None,
) -> argparse.ArgumentParser:
    word = words.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    word.add_argument(
        "--date", type=date.fromisoformat, default=FIRST_DAY, metavar="YYYY-MM-DD", help=f"local day ({FIRST_DAY})"
    )
    word.add_argument("--house", type=Path, default=HOUSE, metavar="FILE", help=f"settings of a home ({HOUSE})")
    word.add_argument(
        "--prices",
        type=Path,
        metavar="CSV",
        help="columns ts,ptf_tl_mwh (without: 2020-01-01 as it was, others invented)",
    )
    word.add_argument("--seed", type=int, default=1, metavar="N", help="which weather, people and small errors (1)")
    if speed is not None:
        word.add_argument(
            "--speed", type=_speed, default=speed, metavar="N", help=f"simulated seconds per second ({speed:g})"
        )
    word.set_defaults(act=act)
    return word


def _add_faults(word: argparse.ArgumentParser) -> None:
    for feed, server in (("epias", EpiasServer), ("weather", OpenMeteoServer)):
        word.add_argument(
            f"--{feed}-fault",
            type=Fault,
            choices=sorted(server.faults),
            metavar="FAULT",
            help=f"let this feed fail all the time: {', '.join(sorted(server.faults))}",
        )


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100000")
    return speed


def _demo_options(arguments: argparse.Namespace) -> DemoOptions:
    return DemoOptions(
        house=arguments.house,
        day=arguments.date,
        folder=arguments.folder,
        speed=arguments.speed,
        seed=arguments.seed,
        prices=arguments.prices,
        hours=arguments.hours,
        epias_fault=arguments.epias_fault,
        weather_fault=arguments.weather_fault,
        keep=arguments.keep,
    )


if __name__ == "__main__":
    sys.exit(main())
