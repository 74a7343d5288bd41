"""What must not stand in a recording that an owner sends around: passwords, names of networks, keys, where the home is.

A pure function of a message. In doubt it leaves out too much.
"""

import json
import re

LEFT_OUT = "(left out)"
_KEYS = (
    "password", "passwd", "passphrase", "pass", "pwd", "psk", "secret", "token", "auth", "credential", "credentials",
    "ssid", "bssid", "apssid", "user", "username", "login", "email", "apikey", "accesskey", "privatekey", "networkkey",
    "linkkey", "bindkey", "encryptionkey", "key", "nonce", "latitude", "longitude", "lat", "lon", "lng", "location",
)  # fmt: skip
"""Names of fields and commands, without digits and signs: Password1 and ap_ssid are among them."""
_ENDINGS = ("password", "passwd", "pwd", "psk", "secret", "token", "ssid", "user", "username", "apikey", "credentials")
"""... and whatever ends so: MqttPassword, wifi_ssid."""
_WORD = re.compile(
    r"pass(word|wd|phrase)?\d*\b|\bpwd|psk|secret|token|ssid|\bmqttuser|api_?key|://[^/\s]*@", re.IGNORECASE
)
"""Where a text speaks of such things all of it is left out."""
_NOT_LETTERS = re.compile(r"[^a-z]+")


def is_secret(name: str) -> bool:
    """Whether what stands under this name is left out."""
    plain = _NOT_LETTERS.sub("", name.lower())
    return plain in _KEYS or plain.endswith(_ENDINGS) or name.lower() == "ha1"


def without_secrets(where: str, payload: bytes) -> str | None:
    """The payload as text, secrets left out, otherwise letter by letter as it came; None if it is not text.

    `where` is the topic, for the name of a setting may stand there and only its value in the payload.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return LEFT_OUT if _WORD.search(payload.decode("latin-1")) else None
    if text and is_secret(where.rpartition("/")[2]):
        return LEFT_OUT
    try:
        tree = json.loads(text)
        shorter = _pruned(tree)
        if shorter == tree and not _twice(text):
            return text
        return json.dumps(shorter, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return LEFT_OUT if _WORD.search(text) else text


def secrets_of_bytes(payload: bytes) -> str | None:
    """What to write instead of bytes that are no text, a frame of Bluetooth or ZigBee; None if they may be shown."""
    if _WORD.search(payload.decode("latin-1")):
        return LEFT_OUT
    try:
        tree = json.loads(payload[max(0, payload.find(b"{")) :])
        return None if _pruned(tree) == tree else LEFT_OUT
    except (ValueError, RecursionError):
        return None


def _pruned(part: object) -> object:
    if isinstance(part, dict):
        return {
            key: LEFT_OUT if is_secret(key) and value not in (None, "", LEFT_OUT) else _pruned(value)
            for key, value in part.items()
        }
    if isinstance(part, list):
        return [_pruned(value) for value in part]
    if isinstance(part, str) and (_WORD.search(part) or part.lstrip().startswith(("{", "["))):
        inner = without_secrets("", part.encode(errors="replace"))
        return LEFT_OUT if inner is None else inner
    return part


def _twice(text: str) -> bool:
    """Whether an object says one key twice: JSON keeps the last, and the first may hold a secret."""
    found = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=look)
    return found
