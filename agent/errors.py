"""What can go wrong, as a tree.

HubError
├── SettingsInvalid            a file or a variable of the owner's is wrong
├── ProfileInvalid             a device profile is wrong
├── FeedError                  prices or weather did not come
│   ├── FeedUnreachable        no connection, or no answer in time          (retry)
│   ├── FeedUnauthorized       the credentials were refused
│   ├── FeedThrottled          asked too often                              (retry)
│   ├── FeedDown               the server failed                            (retry)
│   ├── FeedMalformed          an answer that cannot be read                (retry)
│   ├── FeedIncomplete         fewer hours than the day has                 (retry)
│   ├── FeedImplausible        a value outside its bounds, or the wrong day (retry)
│   └── FeedNotYet             the day is not published yet                 (retry)
├── DeviceError
│   ├── DeviceUnreachable      no answer in time                            (retry)
│   ├── DeviceRefused          it answered that it will not
│   ├── DeviceUnverified       it did not reach the wanted state            (retry)
│   └── DeviceMalformed        an answer that cannot be read                (retry)
├── BrokerUnreachable          the MQTT broker is away                      (retry)
├── RadioAway                  the ZigBee stick or Bluetooth is away        (retry)
├── PlannerError
│   ├── PlannerLate            killed at its time limit
│   └── PlannerFailed          the planner's process broke
└── JournalError
    ├── JournalUnreadable      a row that another version wrote
    ├── JournalCorrupt         the database does not pass its check
    └── JournalBusy            the database did not answer in time          (retry)
"""


class HubError(Exception):
    """Something outside the hub's control. `retryable` says whether trying again later can help."""

    retryable = False


class SettingsInvalid(HubError):
    """A setting is wrong; the message names the field, the value and the remedy."""


class ProfileInvalid(HubError):
    """A device profile is wrong; the message names the file and the field."""


class FeedError(HubError):
    """Prices or weather did not come."""

    def __init__(self, feed: str, reason: str) -> None:
        super().__init__(f"{feed}: {reason}")
        self.feed = feed
        self.reason = reason


class FeedUnreachable(FeedError):
    """No connection, or no answer in time."""

    retryable = True


class FeedUnauthorized(FeedError):
    """The credentials were refused."""


class FeedThrottled(FeedError):
    """Asked too often."""

    retryable = True


class FeedDown(FeedError):
    """The server answered with a failure of its own."""

    retryable = True


class FeedMalformed(FeedError):
    """The answer cannot be read."""

    retryable = True


class FeedIncomplete(FeedError):
    """The answer lacks hours of the day."""

    retryable = True


class FeedImplausible(FeedError):
    """A value outside its bounds, or the wrong day."""

    retryable = True


class FeedNotYet(FeedError):
    """The day is not published yet."""

    retryable = True


class DeviceError(HubError):
    """A device did not do or say what it was asked."""

    def __init__(self, device: str, reason: str) -> None:
        super().__init__(f"{device}: {reason}")
        self.device = device
        self.reason = reason


class DeviceUnreachable(DeviceError):
    """No answer in time."""

    retryable = True


class DeviceRefused(DeviceError):
    """It answered that it will not."""


class DeviceUnverified(DeviceError):
    """It answered, but did not reach the wanted state."""

    retryable = True


class DeviceMalformed(DeviceError):
    """It answered with something that cannot be read."""

    retryable = True


class BrokerUnreachable(HubError):
    """The MQTT broker is away."""

    retryable = True


class RadioAway(HubError):
    """The ZigBee stick or Bluetooth is away, and so is every device behind it."""

    retryable = True


class PlannerError(HubError):
    """The planner gave no plan."""


class PlannerLate(PlannerError):
    """It was ended at its time limit."""

    retryable = True


class PlannerFailed(PlannerError):
    """Its process broke; the message carries the end of what it said."""


class JournalError(HubError):
    """What must be remembered cannot be."""


class JournalUnreadable(JournalError):
    """A row cannot be read, perhaps because another version wrote it; the message names table and row."""


class JournalCorrupt(JournalError):
    """The database does not pass its check."""


class JournalBusy(JournalError):
    """The database did not answer in time."""

    retryable = True
