"""Words of others, as they may be shown: names and reasons that devices give."""

_LONGEST = 100


def printable(text: str, longest: int = _LONGEST) -> str:
    """A text without anything that would steer a terminal, and not longer than a line."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:longest])
