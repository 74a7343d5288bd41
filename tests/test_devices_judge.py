"""The judge of the benchmark of devices: what it says of circuits whose story is known."""

from collections.abc import Sequence

from benchmarks._devices_judge import Story, Switched, Verified, judged

OBEYED = (Switched(1.5, on=True), Switched(11.0, on=False))


def story(
    switched: Sequence[Switched] = OBEYED,
    away: Sequence[tuple[float, float]] = (),
    verified: Sequence[Verified] = (),
) -> Story:
    """On is desired from 1 s to 10 s, then off until 20 s."""
    return Story(
        "plug",
        began_on=False,
        desired=[(0.0, False), (1.0, True), (10.0, False)],
        switched=switched,
        away=away,
        ended_s=20.0,
        verified=verified,
    )


def test_an_obedient_relay_drifts_only_until_it_was_told() -> None:
    verdict = judged(story(verified=[Verified(1.0, 1.6, on=True)]))
    assert (verdict.lost, verdict.doubled, verdict.unfounded, verdict.drift_s) == (0, 0, 0, 1.0)


def test_a_state_that_was_never_reached_is_lost_unless_the_device_was_away() -> None:
    assert judged(story(switched=[])).lost == 1
    assert judged(story(switched=[])).drift_s == 9.0
    assert judged(story(switched=[], away=[(1.0, 4.0), (3.0, 10.0)])).lost == 0
    assert judged(story(switched=[], away=[(1.0, 4.0), (3.0, 10.0)])).drift_s == 0.0


def test_a_late_second_order_is_doubled_and_the_mains_are_not() -> None:
    late = [*OBEYED, Switched(12.0, on=True), Switched(13.0, on=False)]
    assert judged(story(switched=late)).doubled == 1
    mains = [Switched(1.5, on=True), Switched(3.0, on=False, by_power=True), Switched(4.0, on=True, by_power=True)]
    assert judged(story(switched=[*mains, OBEYED[1]], away=[(3.0, 4.0)])).doubled == 0


def test_what_was_verified_but_never_so_is_unfounded() -> None:
    assert judged(story(verified=[Verified(10.0, 10.5, on=False)])).unfounded == 1
