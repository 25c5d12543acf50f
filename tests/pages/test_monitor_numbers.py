"""The numbers on the Monitor: the time left with its ground, what is out of step, and slots over time."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import pools
from batch_core.account import Account
from batch_core.forecast import Laggard, Left, Numbers, OddNode
from batch_core.jobs import Run
from pages.components.live_chart import Click
from pages.parts import numbers
from pages.parts.numbers import per_time, range_words
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

PAGE = "pages/monitor.py"
Open = Callable[..., AppTest]


@pytest.fixture
def fleet_job(account: Account) -> Iterator[str]:
    """A job of many short tasks on four nodes that only play."""
    name = f"numbers-{uuid.uuid4().hex[:8]}"
    simulated_pool(account, name, 4, seconds=[1, 2])
    simulated_job(account, name, name)
    add_tasks(account, name, 90)
    yield name
    account.batch.begin_delete_job(name, polling_interval=1)
    pools.delete(account, name)


def cards(opened: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in opened.metric}


def test_the_time_left_comes_with_its_ground_once_some_are_done(app: Open, fleet_job: str) -> None:
    opened = app(PAGE, job=fleet_job)

    def told() -> tuple[str, str]:
        opened.run()
        assert not opened.exception
        value, ground = cards(opened).get("Time left", ("–", ""))
        if value == "–":
            assert "finished" not in ground
        return () if value == "–" else (value, ground)

    value, ground = until(told, seconds=40, what="a time left")
    assert re.fullmatch(r"up to \d+ (s|min)|\d+–\d+ (s|min)", value)
    assert re.match(r"from \d+ finished$", ground)
    assert re.search("a minute", cards(opened)["Done"][1])


def test_a_run_that_is_over_tells_how_long_it_took_and_its_slots_over_time(
    app: Open, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    until(lambda: opened.run().success, seconds=30, what="the run's end")
    assert "Time left" not in cards(opened)
    assert cards(opened)["Took"][0].endswith(" s")
    opened.session_state["monitor_numbers"] = True
    opened.session_state["monitor_numbers_as"] = "Table"
    opened.run()
    assert not opened.exception
    (table,) = (one.value for one in opened.dataframe if "Busy slots" in one.value)
    assert table["Done"].sum() == 2
    assert table["Busy slots"].max() > 0
    opened.session_state["monitor_numbers_as"] = "Chart"
    opened.run()
    assert any(
        part.proto.component_name == "live_chart" and "monitor_slots" in part.proto.id
        for part in opened.get("bidi_component")
    )


def test_what_is_out_of_step_is_named_and_leads_to_its_details(
    app: Open, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = numbers.of
    nodes: list[str] = []

    def odd(account: Account, watched: object, snapshot: object) -> Numbers:
        nodes[:] = [node.id for node in snapshot.nodes]  # type: ignore[attr-defined]
        late = Laggard("file-0001", "slow.mp4", nodes[0], timedelta(minutes=6), timedelta(seconds=40))
        known = [OddNode(nodes[1], failed=4), *(OddNode(id, times=2.5) for id in nodes[2:5])]
        return replace(real(account, watched, snapshot), odd_nodes=tuple(known), laggards=(late,))

    monkeypatch.setattr(numbers, "of", odd)
    opened = app(PAGE, run=finished_run.id)
    until(lambda: opened.run().success, seconds=30, what="the run's end")
    said = "\n".join(element.value for element in [*opened.markdown, *opened.caption]).replace("\\", "")
    assert "all 4 that ran there failed, while elsewhere tasks end well." in said
    assert "takes 2.5 times as long as the others." in said
    assert "**slow.mp4** has been running for 6 min on" in said
    assert "about 40 s was to be expected" in said
    assert "and 1 node more" in said
    next(button for button in opened.button if button.key == f"odd_node_{nodes[1]}").click().run()
    assert opened.session_state["monitor_shown"] == Click("node", nodes[1])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 4, "up to 10 s"),
        (21, 39, "20–40 s"),
        (3, 95, "up to 2 min"),
        (190, 290, "3–5 min"),
        (1300, 2000, "20–35 min"),
        (3700, 9000, "1–2.5 h"),
        (50_000, 99_000, "13–28 h"),
    ],
)
def test_a_range_is_rounded_to_what_people_say_and_never_narrower(low: int, high: int, said: str) -> None:
    left = Left(timedelta(seconds=low), timedelta(seconds=high), 12, True)
    assert range_words(left) == said


def test_what_runs_is_told_in_tasks_and_in_the_slots_that_they_take() -> None:
    def page() -> None:
        from dataclasses import replace

        from batch_core.forecast import Forecaster
        from pages.parts.monitor_cards import cards
        from pages.parts.numbers import slots_there
        from tests.core.played_runs import picture, span

        spans = [replace(span(task, 0, None), slots=4) for task in "abc"]
        shot = replace(picture(spans, 10, nodes=3), slots=4)
        cards(shot, Forecaster().numbers(shot), slots_there(shot))

    assert cards(AppTest.from_function(page).run())["Running"] == ("3", "12 of 12 slots")


@pytest.mark.parametrize(
    ("rate", "said"), [(12.3, "12 a minute"), (0.5, "30 an hour"), (0.001, "less than one an hour")]
)
def test_a_rate_is_told_in_whole_numbers(rate: float, said: str) -> None:
    assert per_time(rate) == said
