"""The shipped images and compose file at work. scripts/test-container finds an engine, builds, calls this, cleans up.

The checks are one life of a hub in the order of the file; each stands on the one before.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.container.engine import Container, Project, docker, wait_for
from tests.container.simulated_home import SimulatedHome, simulated_home

pytestmark = pytest.mark.timeout(300)

SETTINGS = Path(__file__).parents[2] / "examples" / "home.toml"
FOLDER = Path(os.environ["KWH_HUB_TEST_FOLDER"])
IMAGE = os.environ["KWH_HUB_IMAGE"]
BROKER_IMAGE = os.environ["KWH_HUB_BROKER_IMAGE"]
BASE_IMAGE = "python:3.11-slim-bookworm"
HUB_USER = "1000"

SPEED = 120.0
"""A five-minute step takes 2.5 seconds: soon there is something to see, and still a plan outlives a restart."""
LARGEST_ADDITION_MB = 150
"""What the image may add to its base; 125 MB when this was written."""
HEALTHY_WITHIN_S = 120.0
RESTARTED_WITHIN_S = 60.0
PASSWORDS = {"epias_password": "epias-word-7Gd2", "broker/kwh-hub": "hub word-x9Kq", "broker/plugs": "plugs-word-m3Zt"}
MAKE_HEARTBEAT_OLD = """
import json, pathlib
file = pathlib.Path("/run/kwh-hub/heartbeat.json")
beat = json.loads(file.read_text())
file.write_text(json.dumps({**beat, "completed_s": beat["completed_s"] - 86400}))
"""
"""Instead of waiting until it is."""

Say = Callable[[str], None]


@dataclass
class Life:
    """A hub in its container and the home around it."""

    hub: Container
    home: SimulatedHome
    passwords: set[str]

    def healthy(self, within_s: float) -> float:
        """Wait until the hub is healthy; return the seconds it took."""
        return wait_for("the hub is healthy", lambda: self.hub.health == "healthy", within_s)

    def plan(self) -> str:
        """Wait for a completed step; return the plan it was held to."""
        wait_for("a step is completed", lambda: self.hub.heartbeat() is not None, RESTARTED_WITHIN_S)
        beat = self.hub.heartbeat()
        assert beat is not None
        assert beat["plan_id"] is not None
        return str(beat["plan_id"])


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a measured figure in the output of the run."""

    def shown(figure: str) -> None:
        with capsys.disabled():
            print(f"\n    {figure} ", end="")  # noqa: T201 - a run's figures are what it is for

    return shown


@pytest.fixture(scope="module")
def secrets() -> Path:
    """The folder of passwords as docs/container.md tells to make it."""
    folder = FOLDER / "secrets"
    for name, word in PASSWORDS.items():
        _put_secret(folder / name, word)
    return folder


@pytest.fixture(scope="module")
def life(secrets: Path) -> Iterator[Life]:
    """The hub with the flags of the compose file; only its network is the machine's, where the simulated home is."""
    house = FOLDER / "home"
    house.mkdir()
    house.chmod(0o777)  # the hub writes the clock's file
    with simulated_home(house, SETTINGS, SPEED) as home:
        environment, passwords = _environment(home, secrets)
        changes = {"image": IMAGE, "network_mode": "host", "environment": environment, "volumes": [f"{house}:{house}"]}
        variables = {"KWH_HUB_CONFIG": str(SETTINGS), "KWH_HUB_SECRETS": str(secrets)}
        project = Project(FOLDER, "at-home", {"hub": changes}, variables)
        try:
            hub = project.start("hub")
            yield Life(hub, home, passwords)
            (FOLDER / "hub.log").write_text(hub.logs())
        finally:
            project.remove()


def _environment(home: SimulatedHome, secrets: Path) -> tuple[dict[str, str], set[str]]:
    """How the hub reaches the home, and all passwords, none of which is in the former: they go through files."""
    environment, passwords = home.environment(), dict(PASSWORDS)
    for name, file in (("EPIAS", "epias_password"), ("MQTT", "broker/kwh-hub")):
        word = environment.pop(f"KWH_HUB_{name}__PASSWORD", None)
        if word is not None:
            _put_secret(secrets / file, word)
            passwords[file] = word
    return environment, set(passwords.values())


def _put_secret(path: Path, word: str) -> None:
    """Write a file that nobody but the containers' user can read, whoever runs this."""
    written = FOLDER / "word"
    written.write_text(word + "\n")
    _as_root("install", "-D", "-o", HUB_USER, "-g", HUB_USER, "-m", "600", str(written), str(path))
    written.unlink()


def _megabytes(image: str) -> float:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def _as_root(*command: str) -> None:
    subprocess.run(command if os.geteuid() == 0 else ("sudo", *command), check=True)


def test_the_image_is_small(say: Say) -> None:
    whole, base = _megabytes(IMAGE), _megabytes(BASE_IMAGE)
    say(f"image {whole:.0f} MB, of which base {base:.0f} MB; broker {_megabytes(BROKER_IMAGE):.0f} MB")
    assert whole - base < LARGEST_ADDITION_MB


def test_the_hub_becomes_healthy(life: Life, say: Say) -> None:
    seconds = life.healthy(HEALTHY_WITHIN_S)
    say(f"healthy after {seconds:.0f} s, {docker('stats', '--no-stream', '--format', '{{.MemUsage}}', life.hub.id)}")


def test_it_runs_with_the_flags_of_a_home(life: Life) -> None:
    host = life.hub.inspected()["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_it_is_not_root_and_has_no_capabilities(life: Life) -> None:
    status = dict(line.split(":\t", 1) for line in life.hub.run("cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == {HUB_USER}
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("path", ["/written", "/etc/written", "/opt/kwh-hub/written", "/var/written"])
def test_the_root_cannot_be_written(life: Life, path: str) -> None:
    assert "Read-only file system" in life.hub.fails("touch", path)


def test_only_its_data_outlives_it_on_disk(life: Life) -> None:
    volumes = [mount["Destination"] for mount in life.hub.inspected()["Mounts"] if mount["Type"] == "volume"]
    assert volumes == ["/data"]
    life.hub.run("test", "-w", "/data")


def test_the_image_holds_no_pip_and_no_foreign_solver(life: Life) -> None:
    life.hub.fails("python", "-m", "pip", "--version")
    assert life.hub.run("find", "/opt/kwh-hub", "-name", "cbc*").strip() == ""


def test_a_missing_heartbeat_is_unhealthy(life: Life) -> None:
    assert "no step completed" in life.hub.fails("python", "-m", "agent.heartbeat", "/run/kwh-hub/none.json")


def test_a_relay_is_switched(life: Life, say: Say) -> None:
    seconds = wait_for("a relay is closed in the house", lambda: bool(life.home.relays_on()), within_s=240)
    say(f"{', '.join(sorted(life.home.relays_on()))} switched on after {seconds:.0f} s")


def test_a_restart_goes_on_with_the_same_plan(life: Life, say: Say) -> None:
    plan = life.plan()
    docker("restart", life.hub.id)
    assert life.plan() == plan
    say(f"healthy again after {life.healthy(HEALTHY_WITHIN_S):.0f} s")


def test_a_killed_hub_is_started_again_and_goes_on_with_the_same_plan(life: Life, say: Say) -> None:
    plan = life.plan()
    before = life.hub.inspected()
    _as_root("kill", "-KILL", str(before["State"]["Pid"]))
    wait_for(
        "the engine starts the hub again",
        lambda: life.hub.inspected()["RestartCount"] > before["RestartCount"],
        RESTARTED_WITHIN_S,
    )
    assert life.plan() == plan
    say(f"healthy again after {life.healthy(HEALTHY_WITHIN_S):.0f} s")


def test_a_hub_that_stands_still_is_unhealthy_until_it_goes_on(life: Life, say: Say) -> None:
    process = str(life.hub.inspected()["State"]["Pid"])
    _as_root("kill", "-STOP", process)
    try:
        life.hub.run("python", "-c", MAKE_HEARTBEAT_OLD)
        seconds = wait_for("the frozen hub is unhealthy", lambda: life.hub.health == "unhealthy", within_s=90)
    finally:
        _as_root("kill", "-CONT", process)
    say(f"unhealthy after {seconds:.0f} s, healthy again after {life.healthy(HEALTHY_WITHIN_S):.0f} s")


def test_stopping_leaves_the_house_safe(life: Life) -> None:
    wait_for("a relay is closed before the stop", lambda: bool(life.home.relays_on()), within_s=240)
    docker("stop", life.hub.id)
    state = life.hub.inspected()["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    wait_for("all relays are open", lambda: not life.home.relays_on(), within_s=10)


def test_no_password_can_be_seen_from_outside(life: Life) -> None:
    shown = docker("inspect", life.hub.id) + docker("history", "--no-trunc", IMAGE) + life.hub.logs()
    assert len(life.passwords) == len(PASSWORDS)
    assert [word for word in life.passwords if word in shown] == []


@pytest.fixture(scope="module")
def shipped(secrets: Path) -> Iterator[Project]:
    """Hub and broker exactly as the compose file has them, but for the names of their images and the broker's port."""
    variables = {
        "KWH_HUB_CONFIG": str(SETTINGS),
        "KWH_HUB_SECRETS": str(secrets),
        "KWH_HUB_BROKER_ADDRESS": "127.0.0.1:0",
    }
    images = {"hub": {"image": IMAGE}, "broker": {"image": BROKER_IMAGE}}
    project = Project(FOLDER, "shipped", images, variables)
    yield project
    project.remove()


@pytest.fixture(scope="module")
def broker(shipped: Project) -> Container:
    """The broker."""
    return shipped.start("broker")


def test_the_hub_finds_the_settings_right(shipped: Project) -> None:
    shipped.run("hub", "config", "check", "--config", "/etc/kwh-hub/home.toml")


def test_the_hub_signs_in_at_the_broker(shipped: Project, broker: Container) -> None:
    hub = shipped.start("hub")
    wait_for("the hub is connected", lambda: "MQTT broker connected: broker:1883" in hub.logs(), within_s=60)
    assert broker.inspected()["State"]["Running"]


def test_the_broker_becomes_healthy(broker: Container) -> None:
    wait_for("the broker is healthy", lambda: broker.health == "healthy", within_s=60)


@pytest.mark.parametrize(
    ("user", "word", "answer"),
    [
        ("kwh-hub", PASSWORDS["broker/kwh-hub"], "Success"),
        ("plugs", PASSWORDS["broker/plugs"], "Success"),
        ("plugs", PASSWORDS["broker/kwh-hub"], "Not authorized"),
        (None, None, "Not authorized"),
    ],
)
def test_the_broker_knows_its_users(broker: Container, user: str | None, word: str | None, answer: str) -> None:
    published = broker.inspected()["NetworkSettings"]["Ports"]["1883/tcp"]
    assert _greeting(int(published[0]["HostPort"]), user, word) == answer


def _greeting(port: int, user: str | None, word: str | None) -> str:
    """What the broker answers to a client that connects."""
    answers: list[str] = []

    def heard(
        _client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _more: object
    ) -> None:
        answers.append(str(reason))

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(user, word)
    client.on_connect = heard
    client.connect("127.0.0.1", port)
    wait_for("the broker answers", lambda: client.loop(timeout=0.2) is not None and bool(answers), within_s=10)
    client.disconnect()
    return answers[0]
