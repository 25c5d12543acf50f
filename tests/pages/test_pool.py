"""Pool: the nodes of this computer, another pool by the form, and the dialog before one is deleted."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import images, pools
from batch_core.account import Account
from batch_core.errors import NotFound
from batch_core.pools import PoolSpec
from tests.core.commands import python
from tests.waiting import until

PAGE = "pages/pool.py"
NEW = "made-by-the-form"
GALLERY_IMAGE = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-000000000000/resourceGroups/video/providers/Microsoft.Compute"
    "/galleries/ours/images/converter/versions/1.0.0"
)
SLOW = 1.0  # a pool takes 45 s or more to get nodes, and 2 s to stop a resize
Open = Callable[..., AppTest]


def press(opened: AppTest, label: str) -> AppTest:
    next(button for button in opened.button if button.label == label).click()
    return opened.run()


def gone(account: Account) -> bool:
    try:
        pools.get_pool(account, NEW)
    except NotFound:
        return True
    return False


@pytest.fixture
def new_pool(account: Account) -> Iterator[str]:
    """The id of a pool that a test makes; it is gone afterwards."""
    yield NEW
    pools.delete(account, NEW)
    until(lambda: gone(account), what="the deletion of the pool")


def test_the_five_nodes_of_this_computer_are_shown(app: Open) -> None:
    opened = app(PAGE, pool=pools.LOCAL_POOL)
    assert not opened.exception
    assert [title.value for title in opened.title] == ["Pool"]
    assert opened.selectbox(key="pool_shown").value == pools.LOCAL_POOL

    def nodes() -> int:
        opened.run()
        return len(opened.dataframe[0].value) if opened.dataframe else 0

    assert until(nodes, seconds=20, what="the table of nodes") == pools.LOCAL_NODES
    assert set(opened.dataframe[0].value["Kind"]) == {"dedicated"}


def test_a_pool_is_made_by_the_form(app: Open, account: Account, new_pool: str) -> None:
    opened = app(PAGE)
    opened.text_input(key="pool_id").set_value(new_pool)
    opened.number_input(key="pool_dedicated").set_value(1)
    opened.number_input(key="pool_spot").set_value(1)
    opened.number_input(key="pool_slots").set_value(2)
    press(opened, "Create pool")
    assert not opened.exception
    made = pools.get_pool(account, new_pool)
    assert (made.target_dedicated, made.target_spot, made.slots) == (1, 1, 2)
    assert opened.query_params["pool"] == new_pool
    assert opened.selectbox(key="pool_shown").value == new_pool
    assert opened.text_input(key="pool_id").value == ""

    def told() -> bool:
        opened.run()
        said = [box.value for box in opened.success]
        return (
            bool(said)
            and said[0].startswith("The pool made\\-by\\-the\\-form is made;")
            and "ready" in said[0]
        )

    until(told, what="what became of the pool, beside the button")
    opened.selectbox(key="pool_shown").set_value(pools.LOCAL_POOL).run()
    assert not opened.success


def test_a_start_task_that_fails_is_told_in_words_with_its_last_lines(
    app: Open, account: Account, new_pool: str
) -> None:
    command = python("import sys; sys.stderr.write('no such *package*'); sys.exit(100)")
    pools.create(account, PoolSpec(id=new_pool, dedicated=1, spot=0, start_task=command))
    opened = app(PAGE, pool=new_pool)

    def failed() -> bool:
        opened.run()
        return bool(opened.error)

    until(failed, what="the failure on the page")
    shown = "\n".join(element.value for element in [*opened.markdown, *opened.caption])
    assert ":red[● 1 node of 1 out of order]" in shown
    assert ":green" not in shown
    assert opened.error[0].value.replace("\\", "") == (
        "The start task failed on the only node, so no task runs there. The command ended with exit code 100. "
        "Restart the node to try again, or make a pool with another start task."
    )
    assert [state[2:] for state in opened.dataframe[0].value["State"]] == ["start task failed"]
    press(opened, "See the node")
    assert [code.value for code in opened.code] == ["no such *package*"]
    press(opened, "Restart")
    assert not opened.exception


def test_a_resize_can_be_stopped_while_it_goes_on(
    app: Open, account: Account, new_pool: str, home: Path
) -> None:
    pace = home / "local-azure" / "pace.json"
    pace.write_text(json.dumps({"realistic": SLOW}))
    try:
        pools.create(account, PoolSpec(id=new_pool, dedicated=1, spot=0))
        opened = app(PAGE, pool=new_pool)

        def resizing() -> bool:
            opened.run()
            return any(button.label == "Stop resizing" for button in opened.button)

        until(resizing, what="the button")
        press(opened, "Stop resizing")
        assert not opened.exception
        until(lambda: pools.get_pool(account, new_pool).allocation_state == "steady", what="a steady pool")
    finally:
        pace.write_text(json.dumps({"realistic": None}))

    def told() -> bool:
        opened.run()
        return any("The resize was stopped before all nodes were there." in box.value for box in opened.error)

    until(told, what="what is missing")
    assert not any(button.label == "Stop resizing" for button in opened.button)


def test_the_images_are_the_services_list(app: Open, account: Account) -> None:
    opened = app(PAGE)
    assert opened.selectbox(key="pool_image").options == [image.label for image in images.supported(account)]


def test_a_name_that_cannot_be_a_pools_is_refused_in_words(app: Open) -> None:
    opened = app(PAGE)
    opened.text_input(key="pool_id").set_value("two words")
    press(opened, "Create pool")
    assert "“two words” can't be a pool's id." in opened.error[0].value


def test_an_image_that_is_typed_wrong_is_refused_in_words(app: Open) -> None:
    opened = app(PAGE)
    opened.get_by_key("pool_image_from").set_value("Typed")
    opened.run()
    opened.text_input(key="pool_image_typed").set_value("ubuntu").run()
    assert any("“ubuntu” is not an image." in error.value for error in opened.error)


@pytest.mark.parametrize("typed", ["almalinux/almalinux/8-gen2", GALLERY_IMAGE])
def test_an_image_can_be_typed_and_what_was_typed_survives_page_switches(
    app: Open, account: Account, new_pool: str, typed: str
) -> None:
    opened = app(PAGE)
    opened.text_input(key="pool_id").set_value(new_pool)
    opened.number_input(key="pool_spot").set_value(0)
    opened.get_by_key("pool_image_from").set_value("Typed")
    opened.run()
    opened.text_input(key="pool_image_typed").set_value(typed)
    opened.text_input(key="pool_agent").set_value("batch.node.el 8")
    opened.get_by_key("pool_start_local").set_value("/bin/true")
    opened.run().switch_page("pages/connect.py").run().switch_page(PAGE).run()
    press(opened, "Create pool")
    assert not opened.error
    made = account.batch.get_pool(new_pool)
    machines = made.virtual_machine_configuration
    image = machines.image_reference
    if typed == GALLERY_IMAGE:
        assert image.virtual_machine_image_id == typed
    else:
        assert f"{image.publisher}/{image.offer}/{image.sku}" == typed
    assert machines.node_agent_sku_id == "batch.node.el 8"
    assert made.start_task.command_line == "/bin/true"
    assert opened.query_params["pool"] == new_pool


def test_delete_asks_first_and_names_the_pool(app: Open, account: Account) -> None:
    opened = app(PAGE, pool=pools.LOCAL_POOL)
    press(opened, "Delete")
    assert any("**This computer** and its" in text.value for text in opened.markdown)
    assert pools.get_pool(account, pools.LOCAL_POOL).state == "active"


def test_it_says_since_when_there_are_nodes_and_their_hours_so_far(app: Open) -> None:
    opened = app(PAGE, pool=pools.LOCAL_POOL)

    def said() -> bool:
        opened.run()
        return any(
            re.fullmatch(
                r"5 nodes since (\d+ \w+ \d+, )?\d\d:\d\d, (less than )?[\d.]+ node-hours so far",
                caption.value,
            )
            for caption in opened.caption
        )

    until(said, what="the node-hours")
