"""Names that would be markup, commands or addresses, in a real browser: shown as they are, saved as they are."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from batch_core import files, jobs
from batch_core.account import Account
from tests.core.media import clip
from tests.core.names import NAMES
from tests.waiting import until

LONG = 30_000  # ms; the tests share the processor with the nodes
JOINER = "\u2060"  # stands, unseen, between signs that would become a link or an icon
TWICE = "same name.mp4"
TELLING = re.compile(r"quoted|HOME|%PATH|line one|turned|🎬|onerror|!\[c\]|www|:red|%\{x\}|xxx")
WORST = [names for names in NAMES if TELLING.search(names[0])]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip(tmp_path_factory.mktemp("sound") / "a.m4a", 1, picture=False).read_bytes()


@pytest.fixture
def only_these(account: Account, page: Page, app_url: str, sound: bytes) -> Page:
    """The Files page after the upload of a file for each name, and two of one name from two folders."""
    if earlier := files.list_files(account):
        files.delete_files(account, earlier)
    page.goto(app_url)
    field = page.get_by_label("Choose files")
    expect(field).to_be_attached(timeout=LONG)
    chosen = [{"name": name, "mimeType": "audio/mp4", "buffer": sound} for name, *_ in WORST]
    field.set_input_files([*chosen, {"name": TWICE, "mimeType": "audio/mp4", "buffer": sound}])
    until(lambda: len(files.list_files(account)) == len(WORST) + 1, seconds=60, what="the uploads")
    field.set_input_files([{"name": TWICE, "mimeType": "audio/mp4", "buffer": sound + b"\0" * 64}])

    def looked_into() -> bool:
        found = files.list_files(account)
        return len(found) == len(WORST) + 2 and all(file.probe for file in found)

    until(looked_into, seconds=60, what="a look into every file")
    return page


def go(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible(timeout=LONG)


def texts(found: Locator) -> list[str]:
    return [text.replace(JOINER, "") for text in found.all_text_contents()]


def nothing_ran(page: Page) -> None:
    """No name became a link, a picture, an icon or a formula, and no script of one ran."""
    main = page.get_by_test_id("stMain")
    assert main.locator("a[href*='evil'], a[href^='mailto'], img, .katex").count() == 0
    assert (
        main.locator("[data-testid=stMarkdownContainer] strong :is(a, em, strong, code, [role=img])").count()
        == 0
    )
    assert page.evaluate("document.title").endswith("Batch video dashboard") or page.evaluate(
        "document.title"
    )


def test_names_from_the_upload_to_the_download(only_these: Page, account: Account) -> None:
    page = only_these
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    page.reload()
    rows = page.locator("canvas tr")
    expect(rows).not_to_have_count(0, timeout=LONG)
    cells = page.locator("canvas td:first-child, canvas td:nth-child(2)").all_text_contents()
    shown = {shown for _, shown, _ in WORST} | {TWICE, "same name (2).mp4"}
    seen = shown & set(cells)
    assert len(seen) >= min(len(shown), rows.count() - 1)  # the table draws those that are in sight
    nothing_ran(page)

    first = the_namesake_alone(page, account)

    go(page, "Convert")
    chooser = page.get_by_role("combobox", name="Files")
    chooser.press("Backspace")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Convert {len(WORST) + 2} files", exact=True).click()
    page.wait_for_url(re.compile(rf"/monitor.*run=(?!{first})"))
    run_id = run_in(page)
    until(lambda: jobs.get_run(account, run_id).over, seconds=60, what="the run's end")
    expect(page.get_by_text(f"{len(WORST) + 2} / {len(WORST) + 2}")).to_be_visible(timeout=LONG)
    nothing_ran(page)

    go(page, "Results")
    expect(page.get_by_text("plays to its end").first).to_be_visible(timeout=LONG)
    wanted = {result for *_, result in WORST} | {"same name.mp3", "same name (2).mp3"}
    expect(page.get_by_role("button", name=re.compile("^Download (?!all)"))).to_have_count(
        len(wanted), timeout=LONG
    )
    assert wanted <= set(texts(page.get_by_test_id("stMain").locator("strong")))
    nothing_ran(page)
    for name in sorted(wanted):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {name}", exact=True).click()
        # Chromium takes no invisible character into a file's name, not even the one that joins an emoji.
        assert download.value.suggested_filename == name.replace("\u200d", "_")

    go(page, "Clean up")
    expect(page.get_by_role("checkbox", name=re.compile(r"^same name\.mp4 · added on"))).to_have_count(
        2, timeout=LONG
    )
    boxes = texts(page.get_by_test_id("stCheckbox"))
    assert not [shown for _, shown, _ in WORST if not any(box.startswith(f"{shown} · ") for box in boxes)]
    nothing_ran(page)
    assert dialogs == []
    assert hosts <= {"127.0.0.1", None}, "nothing but this computer was asked"


def the_namesake_alone(page: Page, account: Account) -> str:
    """Chooses one of two files with one name and converts it; the run's id."""
    go(page, "Convert")
    page.get_by_text("MP3", exact=True).first.click()
    names = files.distinct_names(files.list_files(account))
    chooser = page.get_by_role("combobox", name="Files")
    chooser.click()
    chooser.fill("same name")
    expect(page.get_by_role("option", name=TWICE, exact=True)).to_be_visible()
    page.get_by_role("option", name="same name (2).mp4", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Convert 1 file", exact=True)).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Convert 1 file", exact=True).click()
    page.wait_for_url(re.compile(r"/monitor.*run="))
    first = jobs.manifest(account, run_in(page))
    assert [names[file.file_id] for file in first.files] == ["same name (2).mp4"], "not its namesake"
    return first.run_id


def run_in(page: Page) -> str:
    found = re.search(r"run=([\w-]+)", page.url)
    assert found
    return found[1]
