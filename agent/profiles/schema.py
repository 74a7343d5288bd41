"""The JSON schema of a profile, so that an editor helps to write one: python -m agent.profiles.schema."""

import json

from agent.profiles.library import FOLDER
from agent.profiles.profile import DeviceProfile

FILE = FOLDER / "schema.json"


def schema_text() -> str:
    """What device_profiles/schema.json must say."""
    return json.dumps(DeviceProfile.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
