"""The names by which people with a screen reader, and programs, find what a page offers: exact, and once each."""

import re

from playwright.sync_api import Page, expect

from batch_core import files
from batch_core.account import Account
from tests.waiting import until

LONG = 60_000  # ms; the tests share the processor with the nodes


def test_samples_are_converted_by_the_fixed_names(page: Page, app_url: str, account: Account) -> None:
    def button(name: str):
        return page.get_by_role("button", name=name, exact=True)

    page.goto(app_url)
    expect(page.get_by_label("Choose files", exact=True)).to_have_count(1, timeout=LONG)
    expect(button("Try sample videos")).to_have_count(1, timeout=LONG)
    files.delete_files(account, files.list_files(account))
    button("Try sample videos").click()

    def made() -> bool:
        found = files.list_files(account)
        return len(found) == 5 and all(file.probe and file.probe.ok for file in found)

    until(made, seconds=60, what="five samples that are looked into")
    expect(page.get_by_text("5 files · ")).to_be_visible(timeout=LONG)  # without loading the page anew
    expect(button("Try sample videos")).to_be_enabled()
    expect(button("Delete")).to_have_count(1, timeout=LONG)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Convert", exact=True).click()
    expect(button("Convert 5 files")).to_have_count(1, timeout=LONG)
    page.get_by_role("combobox", name="Files").click()
    page.get_by_role("option", name="Test card.mp4", exact=True).click()
    page.keyboard.press("Escape")  # while the list is open, all else is hidden from such readers
    expect(button("Convert 1 file")).to_have_count(1, timeout=LONG)
    button("Convert 1 file").click()
    page.wait_for_url(re.compile(r"/monitor.*run="))
    expect(page.get_by_text("1 / 1")).to_be_visible(timeout=LONG)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Results").click()
    expect(button("Download all")).to_have_count(1, timeout=LONG)
    expect(button("Download Test card.mp3")).to_have_text("Download")  # its row says the rest
    run = re.search(r"run=([\w-]+)", page.url)[1]
    page.reload()
    expect(button("Download Test card.mp3")).to_have_count(1, timeout=LONG)
    assert run in page.url
