"""Our answers against recorded answers of the real service: every difference is listed with its reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local_azure.replay import RECORDED, Difference, Scenario, replay
from tests.local_azure.replay_differences import LISTED
from tests.local_azure.replay_scenarios import SCENARIOS

pytest_plugins = ["tests.local_azure.service_fixtures"]

Found = Callable[[Scenario], list[Difference]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, service_tools: Path) -> Found:
    """The differences of a scenario, replayed once."""
    known: dict[str, list[Difference]] = {}

    def differences(scenario: Scenario) -> list[Difference]:
        if scenario.name not in known:
            known[scenario.name] = replay(scenario, tmp_path_factory.mktemp("replay"), service_tools)
        return known[scenario.name]

    return differences


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_our_answers_differ_only_as_listed(scenario: Scenario, found: Found) -> None:
    unlisted = [one for one in found(scenario) if not any(row.covers(one) for row in LISTED)]
    assert unlisted == []


def test_every_listed_difference_still_occurs(found: Found) -> None:
    differences = [one for scenario in SCENARIOS for one in found(scenario)]
    idle = [row for row in LISTED if not any(row.covers(one) for one in differences)]
    assert idle == []


def test_every_recording_is_replayed_and_names_its_source() -> None:
    assert {scenario.name for scenario in SCENARIOS} == {path.stem for path in RECORDED.glob("*.json")}
    for scenario in SCENARIOS:
        played = list(scenario.exchanges())
        assert played, f"nothing of {scenario.name} is replayed"
        assert all("@" in exchange["source"] for _, exchange in played)


@pytest.mark.parametrize("answer", ["spelling", "extra", "order", "missing", "type"])
def test_the_comparison_sees_what_differs(answer: str, tmp_path: Path, service_tools: Path) -> None:
    """A wrong recording: the replay must tell, or it would pass whatever we answered."""

    def wrong(value: dict) -> dict:
        if "allocationState" not in value:
            return value
        changed = dict(value)
        if answer == "spelling":
            changed["vmSize"] = "STANDARD_D1_V2"
        elif answer == "extra":
            del changed["taskSlotsPerNode"]
        elif answer == "missing":
            changed["novelty"] = 1
        elif answer == "type":
            changed["taskSlotsPerNode"] = "1"
        else:
            changed["id"] = changed.pop("id")
        return changed

    name = "2022-pool-exists-error"
    (honest,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    differences = replay(Scenario(name, setup=honest.setup, adapt=wrong), tmp_path / "data", service_tools)
    assert any(not any(row.covers(one) for row in LISTED) for one in differences)
