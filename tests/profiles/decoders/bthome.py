"""The service data of BTHome."""

from agent.adapters.ble.bthome_objects import read_report
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    report = read_report(bytes.fromhex(vector.payload_hex))
    at = int(vector.sensor or "1") - 1
    return Said(
        power_w=next(iter(report.powers_w), None),
        energy_wh=next(iter(report.energies_wh), None),
        temperatures_c={vector.sensor: report.temperatures_c[at]} if report.temperatures_c else {},
    )
