"""What relays of every kind say of themselves."""


def on_or_off(*, on: bool) -> str:
    """A state as people say it."""
    return "on" if on else "off"


def silence(patience_s: float, away: str) -> str:
    """That nothing was answered within so many wall seconds, and why that may be (empty: not known)."""
    return f"no answer within {patience_s:g} s" + (f", and {away}" if away else "")
