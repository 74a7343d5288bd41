"""What can be wrong with a simulated device, whatever it speaks."""

from dataclasses import dataclass


@dataclass
class Faults:
    """What is wrong with a device. Counts go down as they are used up."""

    drop_commands: int = 0
    """So many commands vanish before they arrive."""
    drop_answers: int = 0
    """So many commands are carried out, but what the device says to them vanishes."""
    delay_s: float = 0.0
    """Answers come this much later, in wall time."""
    duplicate: bool = False
    """Everything is said twice."""
    old_state_first: bool = False
    """After a command the state before it is reported once more, where the family reports by itself."""
    lie: bool = False
    """It says that the relay obeys, though it does not move."""
    stuck: bool = False
    """The relay does not move, and the device says so."""
    wrong_units: bool = False
    """Its numbers are in other units than it says."""
