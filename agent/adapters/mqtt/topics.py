"""What may be published to and asked for: mosquitto ends the connection of whoever uses anything else.

MQTT 3.1.1, sections 1.5.3 and 4.7, and the limit of levels that mosquitto has besides.
"""

import unicodedata

_LONGEST_BYTES = 65_535
_MOST_LEVELS = 200


def is_topic(text: str) -> bool:
    """Whether a message can be published there."""
    return _is_carried(text) and "+" not in text and "#" not in text


def is_filter(text: str) -> bool:
    """Whether it can be subscribed to: a wildcard is a level by itself, and `#` the last one."""
    levels = text.split("/")
    alone = all(len(level) == 1 or ("+" not in level and "#" not in level) for level in levels)
    return _is_carried(text) and alone and "#" not in levels[:-1] and levels[0] != "$share"


def _is_carried(text: str) -> bool:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    if not 0 < length <= _LONGEST_BYTES or text.count("/") >= _MOST_LEVELS:
        return False
    return not any(unicodedata.category(sign) == "Cc" or _is_no_character(ord(sign)) for sign in text)


def _is_no_character(code: int) -> bool:
    """Whether Unicode has set a code point aside as no character."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
