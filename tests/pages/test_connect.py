"""Connect: this computer, an Azure account by name, key and URL, and what sessions keep apart."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from batch_core.account import Account
from batch_core.local_cloud import LocalCloud
from pages.shell import session

PAGE = "pages/connect.py"
Open = Callable[..., AppTest]
LABELS = {"batch": "Batch account", "storage": "Storage account"}


def fill(opened: AppTest, cloud: dict, **instead: str) -> AppTest:
    """Type an account's names, keys and URLs into the form and press Connect."""
    fields = {field.label: field for field in opened.text_input}
    for service, label in LABELS.items():
        for part, value in (("name", "account"), ("key", "key"), ("URL", "url")):
            name = f"{label} {part}"
            fields[name].set_value(instead.get(name, cloud[service][value]))
    return press(opened, "Connect")


def press(opened: AppTest, label: str) -> AppTest:
    next(button for button in opened.button if button.label == label).click()
    return opened.run()


def everything_shown(opened: AppTest) -> str:
    """All text of a page, but for what its own password fields hold."""
    return "\n".join(str(element) for element in opened.main if "password" not in str(element).lower())


def test_the_page_says_that_it_works_on_this_computer(app: Open, account: Account) -> None:
    opened = app(PAGE)
    assert [title.value for title in opened.title] == ["Connect"]
    assert any("works on **this computer**" in text.value for text in opened.markdown)
    assert any(caption.value.startswith("Ready:") for caption in opened.caption)


def test_an_account_is_connected_by_names_keys_and_urls(app: Open, cloud: dict) -> None:
    opened = fill(app(PAGE), cloud)
    assert not opened.exception
    assert [verdict.value for verdict in opened.success] == [
        "Batch: The Batch account answers.",
        "Storage: The Storage account answers.",
    ]
    assert any(
        f"**{cloud['batch']['account']}** at `{cloud['batch']['url']}`" in text.value
        for text in opened.markdown
    )
    press(opened, "Use this computer")
    assert any("works on **this computer**" in text.value for text in opened.markdown)


def test_each_service_gets_its_own_verdict(app: Open, cloud: dict) -> None:
    wrong = "d3Jvbmcga2V5LCB3cm9uZyBrZXksIHdyb25nIGtleQ=="
    opened = fill(app(PAGE), cloud, **{"Storage account key": wrong})
    assert [verdict.value for verdict in opened.success] == ["Batch: The Batch account answers."]
    assert len(opened.error) == 1
    assert opened.error[0].value.startswith("Storage: ")
    assert any("works on **this computer**" in text.value for text in opened.markdown)


@pytest.mark.parametrize("url", ["http://example.org", "https://example.org/else?x=1", ""])
def test_what_is_no_url_of_an_account_is_refused_in_words(app: Open, cloud: dict, url: str) -> None:
    opened = fill(app(PAGE), cloud, **{"Batch account URL": url})
    assert not opened.exception
    assert len(opened.error) == 1
    assert "URL" in opened.error[0].value


def test_look_only_disables_what_changes_things(app: Open, cloud: dict) -> None:
    opened = app(PAGE)
    next(box for box in opened.checkbox if box.label == "Look only").check()
    fill(opened, cloud)
    assert any("to look only" in text.value for text in opened.markdown)
    opened.switch_page("pages/cleanup.py").run()
    assert not opened.exception
    assert next(button for button in opened.button if button.label == "Delete").disabled


def test_look_only_stays_so_when_its_page_is_loaded_again(
    app: Open, cloud: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when another tab of the same browser may change things in the same account."""
    monkeypatch.setattr(session, "_browser", lambda: "one browser")
    looking = app(PAGE)
    next(box for box in looking.checkbox if box.label == "Look only").check()
    fill(looking, cloud)
    changing = fill(app(PAGE), cloud)
    for tab, only in ((looking, True), (changing, False)):
        again = app(PAGE, account=tab.query_params["account"])
        (said,) = [text.value for text in again.markdown if "works with" in text.value]
        assert ("to look only" in said) == only


def test_keys_are_shown_only_when_asked_for(app: Open, cloud: dict) -> None:
    opened = app(PAGE)
    assert not opened.code
    next(toggle for toggle in opened.toggle if "names and keys" in toggle.label).set_value(True)
    opened.run()
    assert cloud["batch"]["key"] in opened.code[0].value


def test_a_typed_key_is_in_no_page(app: Open, cloud: dict) -> None:
    opened = fill(app(PAGE), cloud)
    for page in ("pages/convert.py", "pages/pool.py", "pages/cleanup.py"):
        opened.switch_page(page).run()
        assert not opened.exception
        for key in (cloud["batch"]["key"], cloud["storage"]["key"]):
            assert key not in everything_shown(opened)
            assert key not in str(opened.query_params)


def test_sessions_with_different_accounts_do_not_meet(app: Open, cloud: dict) -> None:
    first, second = fill(app(PAGE), cloud), app(PAGE)
    assert first.query_params["account"] != ""
    assert "account" not in second.query_params
    assert any("works on **this computer**" in text.value for text in second.run().markdown)


def test_an_address_about_an_account_that_is_not_connected_says_so(app: Open) -> None:
    opened = app("pages/convert.py", account="0123456789abcdef")
    assert any("no longer connected" in text.value for text in opened.markdown)
    assert not opened.multiselect
    press(opened, "Use this computer")
    assert not any("no longer connected" in text.value for text in opened.markdown)


def test_cloud_speed_is_the_local_clouds_own_setting(app: Open, home: object) -> None:
    opened = app(PAGE)
    switch = next(toggle for toggle in opened.toggle if toggle.label == "Cloud speed")
    try:
        switch.set_value(True)
        opened.run()
        assert LocalCloud(home).realistic == 1.0
    finally:
        next(toggle for toggle in opened.toggle if toggle.label == "Cloud speed").set_value(False)
        opened.run()
    assert LocalCloud(home).realistic is None
