"""Clean up: what is left, what of it costs, and the dialog that names what is about to be deleted."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import cleanup, pools
from batch_core.account import Account
from batch_core.jobs import Run
from pages.shell import words
from pages.shell.words import when
from tests.waiting import until

PAGE = "pages/cleanup.py"
Open = Callable[..., AppTest]


def delete_button(opened: AppTest):
    return next(button for button in opened.button if button.label == "Delete")


def test_everything_that_is_left_is_listed_and_what_costs_is_marked(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE)
    assert not opened.exception
    assert [title.value for title in opened.title] == ["Clean up"]
    left = cleanup.inventory(account)
    order = [element for element in opened.main if element.type in ("checkbox", "markdown")]
    beside = {one.key: after for one, after in pairwise(order) if one.type == "checkbox"}
    shown = [item for item in left if f"clean_{item.kind}_{item.id}" in beside]  # long groups have pages
    assert {item.kind for item in shown} == {item.kind for item in left} >= {"pool", "job", "results"}
    for item in shown:
        mark = beside[f"clean_{item.kind}_{item.id}"]
        assert (mark.type == "markdown" and "would cost money on Azure" in mark.value) == item.costs
    costly = sum(item.costs for item in left)
    said = "\n".join(text.value for text in opened.markdown)
    assert "Nothing costs money on this computer." in said
    assert f"On Azure, {costly} of them would" in said


def test_nothing_can_be_deleted_before_something_is_chosen(app: Open) -> None:
    assert delete_button(app(PAGE)).disabled


def test_the_dialog_names_the_things_and_deletes_nothing_by_itself(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE)
    opened.checkbox(key=f"clean_job_{finished_run.id}").check().run()
    delete_button(opened).click().run()
    assert not opened.exception
    assert any(f"- {finished_run.name} (" in text.value for text in opened.markdown)
    assert any(button.label == "Delete 1 thing" for button in opened.button)
    assert any(item.id == finished_run.id for item in cleanup.inventory(account) if item.kind == "job")


def test_all_of_a_kind_means_what_this_app_has_made(app: Open, account: Account) -> None:
    spec = pools.PoolSpec(id="second-for-cleaning", dedicated=0, spot=0)
    pools.create(account, spec)
    try:
        opened = app(PAGE)
        opened.checkbox(key="all_pool").check().run()
        delete_button(opened).click().run()
        assert any("- second\\-for\\-cleaning (" in text.value for text in opened.markdown)
    finally:
        pools.delete(account, spec.id)


def test_a_pool_says_what_its_nodes_have_run_up_and_since_when(app: Open, account: Account) -> None:
    pools.ensure_local_pool(account)
    item = until(
        lambda: next(
            (item for item in cleanup.inventory(account) if item.ran and item.id == pools.LOCAL_POOL), None
        ),
        what="the nodes of this computer",
    )
    assert item.ran.nodes == pools.LOCAL_NODES
    label = next(box.label for box in app(PAGE).checkbox if box.key == f"clean_pool_{pools.LOCAL_POOL}")
    assert f"since {when(item.ran.since)}, " in label
    assert "node-hours so far" in label


def test_it_ends_with_what_is_left_as_the_services_list_it(app: Open, account: Account) -> None:
    pools.create(account, pools.PoolSpec(id="to-be-cleaned", dedicated=0, spot=0))
    kinds = Counter(item.kind for item in cleanup.inventory(account))
    counted = f"{kinds['pool']} pools, "
    assert any(
        re.match(rf"Counted at \d\d:\d\d:\d\d: {counted}", caption.value) for caption in app(PAGE).caption
    )
    gone = next(item for item in cleanup.inventory(account) if item.id == "to-be-cleaned")
    opened = app(PAGE)
    opened.session_state["cleanup_outcomes"] = cleanup.delete(account, [gone])
    until(lambda: gone.id not in {item.id for item in cleanup.inventory(account)}, what="the end of the pool")
    opened.run()
    assert [said.value for said in opened.success] == ["1 thing deleted."]
    left = kinds["pool"] - 1
    word = "pool" if left == 1 else "pools"
    assert any(
        re.match(rf"Counted at \d\d:\d\d:\d\d: {left} {word}", caption.value) for caption in opened.caption
    )


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("IMG_0001 (2).mp4", "IMG_0001 (2).mp4"),
        ("2026-11-22 18.30 - Anna & Ben!.mov", "2026-11-22 18.30 - Anna & Ben!.mov"),
        ("1. intro.mp4", r"1\. intro.mp4"),
        ("- a *b* _c_ [d](e) <f>", r"\- a \*b\* \_c\_ \[d\](e) \<f\>"),
        (":100: &amp;", ":\u2060100: \\&amp;"),
    ],
)
def test_a_box_is_called_as_the_thing_is_with_few_signs_more(name: str, written: str) -> None:
    """Screen readers say a box's label as it is written; in Markdown it must be the name all the same."""
    assert words.label(name) == written
