"""Clean up: what is left, what of it costs, and the dialog that names what is about to be deleted."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from batch_core import cleanup, pools
from batch_core.account import Account
from batch_core.jobs import Run

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
    boxes = {box.key: box.label for box in opened.checkbox}
    for item in left:
        assert ("costs" in boxes[f"clean_{item.kind}_{item.id}"]) == item.costs
    costly = sum(item.costs for item in left)
    assert any(f"On Azure, {costly} of them cost money" in text.value for text in opened.markdown)


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
