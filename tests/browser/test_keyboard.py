"""The whole way by the keys Tab, Enter and Space alone, with the focus in sight at every stop."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from batch_core import files
from batch_core.account import Account
from tests.core.clips import clip
from tests.waiting import until

LONG = 90_000  # ms; the tests share the processor with the nodes
MOST_STOPS = 90
HAS_FOCUS = "element => element.getRootNode().activeElement === element"
LOOKS = """element => {
  const looks = [];
  for (let part = element; part && looks.length < 4; part = part.parentElement) {
    const { outlineStyle, boxShadow, backgroundColor, borderColor } = getComputedStyle(part);
    looks.push([outlineStyle, boxShadow, backgroundColor, borderColor].join());
  }
  return looks.join();
}"""


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the element has the focus; a person can see that it has."""
    expect(wanted).to_be_enabled(timeout=LONG)
    before = wanted.evaluate(LOOKS)
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate(HAS_FOCUS):
            until(lambda: wanted.evaluate(LOOKS) != before, what=f"a focus in sight on {wanted}")
            return
    raise AssertionError(f"{wanted} is not reached by {MOST_STOPS} presses of Tab")


def go(page: Page, name: str) -> None:
    tab_to(page, page.get_by_test_id("stSidebarNav").get_by_role("link", name=name))
    page.keyboard.press("Enter")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_from_the_upload_to_the_deletion(page: Page, app_url: str, account: Account, tmp_path: Path) -> None:
    files.delete_files(account, files.list_files(account))
    page.goto(app_url)
    page.locator(
        '[data-testid="stApp"][data-test-script-state="notRunning"]'
    ).wait_for()  # what is drawn, stays
    tab_to(page, page.get_by_label("Choose files"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(clip(tmp_path / "bird song.mp4", 1))
    until(lambda: [f for f in files.list_files(account) if f.probe], seconds=60, what="a video looked into")

    go(page, "Convert")
    tab_to(page, button(page, "M4A"))
    page.keyboard.press("Space")
    expect(page.get_by_text("1 file becomes M4A.")).to_be_visible(timeout=LONG)
    tab_to(page, button(page, "Convert 1 file"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/monitor.*run="), timeout=LONG)
    expect(page.get_by_text("1 / 1")).to_be_visible(timeout=LONG)

    go(page, "Results")
    expect(page.get_by_text("plays to its end")).to_be_visible(timeout=LONG)
    tab_to(page, button(page, "Play"))
    page.keyboard.press("Space")
    expect(page.locator("audio")).to_be_attached(timeout=LONG)
    tab_to(page, button(page, "Download bird song.m4a"))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "bird song.m4a"

    go(page, "Clean up")
    tab_to(page, page.get_by_role("checkbox", name=re.compile(r"^bird song\.mp4 · added on")))
    page.keyboard.press("Space")
    tab_to(page, button(page, "Delete"))
    page.keyboard.press("Enter")
    tab_to(page, button(page, "Delete 1 thing"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 thing deleted.")).to_be_visible(timeout=LONG)
    assert not files.list_files(account)
