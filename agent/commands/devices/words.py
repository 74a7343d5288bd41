"""The command line of `kwh-hub devices`: its words, and what each teaches."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.commands.devices import devices
from agent.commands.devices.adopt import adopt
from agent.commands.devices.adopted import listed
from agent.commands.devices.forget import forget
from agent.commands.devices.record import record
from agent.commands.devices.scan import scan
from agent.commands.devices.speaking import NotDone, printable
from agent.commands.devices.switching import REFUSED, switch, try_out
from agent.commands.plan import seconds
from agent.domain.device import Role

Act = Callable[[argparse.Namespace], int]
Words = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns

_ABOUT = """\
Find the plugs and sensors of the home, take them in, try them out. Without a word: scan.

Nothing is ever switched but what was adopted, by its name, and only while no hub runs in this home.
"""
_EXAMPLES = """\
example: a new plug, from the box to the plan
  kwh-hub devices scan                                  is it there, and what can it do?
  kwh-hub devices adopt A0B1C2D3E4F5 --name boiler-plug --role water_heater
  kwh-hub devices test boiler-plug                      on, verified, off, verified
  kwh-hub devices list                                  how are all of them now?
"""
_SWITCHING_CODES = """\
exit codes:
  0    the relay said afterwards that it is as it was told
  1, 2, 3  as for every command (kwh-hub --help)
  4    not verified: no answer, or another state than it was told; the message says which
  5    refused, and nothing was switched: a hub is at work in this home, the load must rest, the tank is too hot, the
       device said no, or there was a question and nobody to answer it (--yes answers it)
  130  interrupted by Ctrl-C; the relay is verified to be off
"""
_SCAN = """\
Listen on all networks of the home at once. A device that is seen over two of them is shown once, with both ways.
A network that is away is named with the reason; the others go on. A ZigBee stick lets new devices join meanwhile.

  profile      what the hub takes it for; goes into the settings. "none fits": docs/devices.md tells how to add one
  relay carries  the largest resistive load, for hours
  ends an on   by itself: if the hub is lost, the device goes off after control.dead_man_s
"""
_SCAN_EXAMPLE = """\
example:
  kwh-hub devices scan --seconds 20
  kwh-hub devices scan --json | jq -r 'select(.names == []) | .address'     what is not adopted yet

Each line of --json is one device: names, its best way (protocol, address, profile, label, model, firmware, reachable,
abilities, network, relay_carries_w, ends_itself), and all its ways in the same words.
"""
_LIST_EXAMPLE = """\
example:
  kwh-hub devices list
  kwh-hub devices list --json | jq -r 'select(.answers | not) | .name'      who is silent?
"""
_ADOPT = """\
Write a [[devices]] table at the end of the settings file, after checking it as the hub does when it starts: a relay
that its load would burn is refused, and so is a role that another device has. What is left out is asked for, if you
sit at a terminal. Comments and order of the file stay; the file is replaced in one go, or not touched at all.
Without --profile the device is looked for, and the profile that fits is taken.
"""
_ADOPT_EXAMPLE = """\
example:
  kwh-hub devices adopt A0B1C2D3E4F5                    asks for the rest
  kwh-hub devices adopt A0B1C2D3E4F5 --name tank --role tank_thermometer --sensor DS18B20-2
  kwh-hub devices adopt A0B1C2D3E4F6 --name washer-plug --role appliance --load dishwasher --profile tasmota-plug
  kwh-hub devices adopt A0B1C2D3E4F7 --name ac --role air_conditioner --profile tasmota-infrared \\
      --infrared-vendor DAIKIN --verified-by ac-meter      a unit by infrared, with a meter on its circuit
"""
_FORGET = """\
Remove a device's [[devices]] table from the settings file, and nothing else of it. A ZigBee device on the hub's own
stick is also told to leave its network, if no hub is at work; else what is left to do is said.
"""
_FORGET_EXAMPLE = """\
example:
  kwh-hub devices forget boiler-plug --yes
"""
_TEST = """\
Switch an adopted device on, read it back, switch it off, read it back; with the time that each step took, and what a
meter saw before, while on and after. It ends off whatever happens, Ctrl-C included.
"""
_TEST_EXAMPLE = f"""\
example:
  kwh-hub devices test boiler-plug
  kwh-hub devices test boiler-plug --seconds 10 --yes

{_SWITCHING_CODES}"""
_SWITCH = """\
Give an adopted device one absolute order, and read back how it stands. An "on" ends by itself after
control.dead_man_s where the device can do that, unless a hub renews it.
"""
_RECORD = """\
Write down what a device says and is told, one JSON object per line: at, direction (from or to the device), topic (or
ZigBee cluster and endpoint, or Bluetooth advertisement, or characteristic), payload as text or payload_hex. Passwords,
names of wireless networks, keys and positions are left out; look through it all the same before you give it away.
Afterwards [[golden]] drafts for a profile are printed. Nothing is sent unless --ask says so, and nothing is switched.

MQTT needs the broker, ZigBee the hub's stick without a hub at work, Bluetooth its radio. A device that is not adopted
is listened for wherever its address may belong. Ctrl-C ends a recording early; what was recorded stays.
"""
_RECORD_EXAMPLE = """\
example:
  kwh-hub devices record A0B1C2D3E4F5 --seconds 60 --out plug.jsonl > golden.toml
  kwh-hub devices record A0B1C2D3E4F5 --ask --seconds 10     asks once for state and measurements
"""


def add_devices(words: "Words[argparse.ArgumentParser]") -> None:
    """Add `devices` and its words to the command line."""
    top = words.add_parser(
        "devices",
        help="find, take in and try plugs and sensors: scan, list, adopt, forget, test, on, off, record",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--config", type=Path, default=Path("home.toml"), metavar="FILE", help="settings (home.toml)")
    _add_scanning(top, suppress=False)
    top.set_defaults(act=devices)
    inner = top.add_subparsers(metavar="WORD")
    one = _word(inner, "scan", scan, says="listen for devices on all networks", about=_SCAN, example=_SCAN_EXAMPLE)
    _add_scanning(one, suppress=True)
    one = _word(inner, "list", listed, says="ask all adopted devices how they are", about="", example=_LIST_EXAMPLE)
    one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object per line")
    _add_adopting(inner)
    _add_switching(inner)
    one = _word(inner, "record", record, says="write down what a device says", about=_RECORD, example=_RECORD_EXAMPLE)
    one.add_argument(
        "address", metavar="ADDRESS", help="as scan prints it, or the name of an adopted device, or a topic"
    )
    one.add_argument("--seconds", type=seconds, default=30.0, metavar="S", help="how long to listen (30)")
    one.add_argument("--out", type=Path, metavar="FILE", help="a new file to write into (standard output)")
    one.add_argument("--ask", action="store_true", help="ask the device once for state and measurements")


def _word(
    words: "Words[argparse.ArgumentParser]", name: str, act: Act, *, says: str, about: str, example: str
) -> argparse.ArgumentParser:
    word = words.add_parser(
        name,
        help=says,
        description=about or f"{says[0].upper()}{says[1:]}.",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # What stands before the word holds unless it is said again behind it.
    word.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="settings (home.toml)")
    word.set_defaults(act=partial(_coded, act))
    return word


def _coded(act: Act, arguments: argparse.Namespace) -> int:
    try:
        return act(arguments)
    except NotDone as refused:
        print(f"kwh-hub: {printable(str(refused))}", file=sys.stderr)  # noqa: T201 - why
        return REFUSED


def _add_scanning(word: argparse.ArgumentParser, *, suppress: bool) -> None:
    long, plain = (argparse.SUPPRESS, argparse.SUPPRESS) if suppress else (5.0, False)
    word.add_argument("--seconds", type=seconds, default=long, metavar="S", help="how long to listen (5)")
    word.add_argument("--json", action="store_true", default=plain, help="print one JSON object per device and line")


def _add_adopting(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(words, "adopt", adopt, says="take a device into the home", about=_ADOPT, example=_ADOPT_EXAMPLE)
    word.add_argument("address", metavar="ADDRESS", help="as scan prints it")
    word.add_argument("--name", metavar="NAME", help="what you call it: lower-case letters, digits, - and _")
    word.add_argument("--role", choices=[role.value for role in Role], help="what it is for")
    word.add_argument("--load", metavar="NAME", help="with the role appliance: which of [[house.appliances]]")
    word.add_argument("--profile", metavar="NAME", help="what it is (the profile that fits, if it is seen now)")
    word.add_argument("--channel", type=int, default=1, metavar="N", help="which relay, where it has several (1)")
    word.add_argument("--sensor", metavar="NAME", help="which thermometer, where it has several; DS18B20-2 for one")
    word.add_argument("--infrared-vendor", metavar="WORD", help="of a transmitter: the unit's language, such as DAIKIN")
    word.add_argument("--infrared-model", type=int, metavar="N", help="which of its remote controls (the first)")
    word.add_argument("--verified-by", metavar="NAME", help="of a transmitter: the adopted meter on the unit's circuit")
    word.add_argument("--seconds", type=seconds, default=5.0, metavar="S", help="how long to look for it (5)")
    word.add_argument("--yes", action="store_true", help="do not ask before writing")
    example = _FORGET_EXAMPLE
    word = _word(words, "forget", forget, says="remove a device from the settings", about=_FORGET, example=example)
    word.add_argument("name", metavar="NAME", help="the name of an adopted device")
    word.add_argument("--keep-joined", action="store_true", help="leave it in the hub's ZigBee network")
    word.add_argument("--yes", action="store_true", help="do not ask before writing")


def _add_switching(words: "Words[argparse.ArgumentParser]") -> None:
    word = _word(words, "test", try_out, says="switch an adopted device on and off", about=_TEST, example=_TEST_EXAMPLE)
    word.add_argument("name", metavar="NAME", help="the name of an adopted device")
    word.add_argument("--seconds", type=seconds, default=3.0, metavar="S", help="how long it stays on (3)")
    word.add_argument("--yes", action="store_true", help="answer every question with yes")
    for name, on in (("on", True), ("off", False)):
        example = f"example:\n  kwh-hub devices {name} boiler-plug\n\n{_SWITCHING_CODES}"
        word = _word(words, name, switch, says=f"switch an adopted device {name}", about=_SWITCH, example=example)
        word.add_argument("name", metavar="NAME", help="the name of an adopted device")
        word.add_argument("--yes", action="store_true", help="answer every question with yes")
        word.set_defaults(on=on)
