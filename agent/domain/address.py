"""What an address says of the device behind it, as text: a MAC address, an EUI-64, or a name that ends in one.

A0B1C2D3E4F5            mqtt    the MAC itself
a0:b1:c2:d3:e4:f5       ble     the same with colons
a0b1c2fffed3e4f5        zigbee  an EUI-64 that was made of it
shellyplus1pm-a0b1c2d3e4f5      ends in it
shellyplug-s-d3e4f5             ends in its last six digits: weaker, for another's may end so too
tasmota_d3e4f5                  the same
"""

import re

_SEPARATED = re.compile(r"(?:0X)?((?:[0-9A-F]{2}[:-]?){5,7}[0-9A-F]{2})")
_SHELLY = re.compile(r"SHELLY[A-Z0-9-]*-([0-9A-F]{12}|[0-9A-F]{6})")
_TASMOTA = re.compile(r"TASMOTA_([0-9A-F]{6})")
_OF_NOBODY = frozenset({"0" * 12, "F" * 12, "0" * 16, "F" * 16})
"""What a device says that was never given an address: two of them need not be the same."""
_ENDS_OF_NOBODY = frozenset({"0" * 6, "F" * 6})
_BLUETOOTH_AFTER_WIFI = 2
"""An ESP32 has four MAC addresses in a row: Wi-Fi, access point, Bluetooth, Ethernet."""
_PAIRS = re.compile(r"(?:[0-9A-F]{1,2}[:-]){3,}[0-9A-F]{1,2}")
_DIGITS = re.compile(r"(?:0X[0-9A-F]{6,}|[0-9A-F]{10,18})")


def address_key(address: str) -> str | None:
    """The MAC (12 digits) or EUI-64 (16) that an address is or ends in, upper case; None if it is none."""
    upper = address.strip().upper()
    separated = _SEPARATED.fullmatch(upper)
    digits = digits_of_shelly(upper, 12) if separated is None else re.sub("[:-]", "", separated.group(1))
    if digits is None:
        return None
    if len(digits) == 16 and digits[6:10] == "FFFE":
        digits = digits[:6] + digits[10:]
    return digits if len(digits) in (12, 16) and digits not in _OF_NOBODY else None


def spelled(address: str) -> str:
    """An address without what is only a matter of spelling: letters' case, separators, 0x."""
    upper = address.strip().upper()
    return re.sub("^0X|[:-]", "", upper) if _SEPARATED.fullmatch(upper) else upper


def digits_of_shelly(name: str, count: int) -> str | None:
    """The last digits, upper case, of the name that a Shelly has of its maker; None if it is none with so many."""
    match = _SHELLY.fullmatch(name.upper())
    return match.group(1) if match is not None and len(match.group(1)) == count else None


def end_of_mac(address: str) -> str | None:
    """The last six digits of its MAC that a device bears in the name of its maker; None if its name has none."""
    match = _TASMOTA.fullmatch(address.strip().upper())
    end = digits_of_shelly(address.strip(), 6) if match is None else match.group(1)
    return None if end in _ENDS_OF_NOBODY else end


def wifi_mac(bluetooth: str) -> str | None:
    """The Wi-Fi MAC address of an ESP32, as `address_key` gives it, by that of its Bluetooth; None if it is none."""
    key = address_key(bluetooth)
    return None if key is None or len(key) != 12 else f"{max(0, int(key, 16) - _BLUETOOTH_AFTER_WIFI):012X}"


def hex_digits(address: str) -> int | None:
    """How many digits an address has that is clearly meant as MAC, IEEE or EUI-64; None if it may be a name."""
    upper = address.strip().upper()
    if _PAIRS.fullmatch(upper) is None and _DIGITS.fullmatch(upper) is None:
        return None
    return len(re.sub("^0X|[:-]", "", upper))
