"""Results in a browser while they still change: every press counts, and one step back leaves the page."""

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from batch_core import files, jobs, pools, results
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from tests.core.clips import clip, uploaded
from tests.waiting import until


@pytest.fixture
def fresh_run(account: Account, tmp_path: Path) -> Run:
    """Three files as WebM in a run that is over, and whose results nobody has checked yet; one was an AVI."""
    pools.ensure_local_pool(account)
    names = ("one.mp4", "two.mp4", "three.avi")
    videos = tuple(uploaded(account, clip(tmp_path / name, 2)) for name in names)
    run = jobs.launch(
        account, Plan(videos, "webm", pool_id=pools.LOCAL_POOL, name="Fresh", nonce=uuid.uuid4().hex)
    )
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the end of the run")
    return run


class Line:
    """The browser's connection to the app; what the app says can be held back, as a slow network does."""

    def __init__(self, page: Page) -> None:
        self.held: list[str | bytes] | None = None
        page.route_web_socket(re.compile(r"/_stcore/stream"), self._join)

    def _join(self, browser: WebSocketRoute) -> None:
        self.browser, app = browser, browser.connect_to_server()
        browser.on_message(app.send)
        app.on_message(lambda said: browser.send(said) if self.held is None else self.held.append(said))

    def hold(self) -> None:
        self.held = []

    def whole_page_came(self, page: Page) -> bool:
        """Whether what is held back draws the whole page, and not only the part that refreshes."""
        page.wait_for_timeout(50)  # ms; only while it waits, Playwright hands messages over
        said = [ForwardMsg.FromString(bytes(message)) for message in self.held or ()]
        whole = [number for number, message in enumerate(said) if self._begins_page(message)]
        ended = [
            number for number, message in enumerate(said) if message.WhichOneof("type") == "script_finished"
        ]
        return bool(whole and ended and ended[-1] > whole[-1])

    @staticmethod
    def _begins_page(message: ForwardMsg) -> bool:
        return message.WhichOneof("type") == "new_session" and not message.metadata.run.fragment_ids

    def release(self) -> None:
        for said in self.held or ():
            self.browser.send(said)
        self.held = None


def test_play_counts_when_it_is_pressed_while_other_rows_change(
    page: Page, app_url: str, account: Account, fresh_run: Run
) -> None:
    line = Line(page)
    page.goto(f"{app_url}/results?run={fresh_run.id}")
    play = page.get_by_role("button", name="Play")
    expect(play.first).to_be_visible()
    line.hold()  # the app goes on: it checks all results, and says so on a line that is slow
    until(lambda: all(row.checked for row in results.list_results(account, fresh_run.id)), seconds=60)

    until(lambda: line.whole_page_came(page), what="the page that is drawn anew at the end")
    play.first.click()
    line.release()
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    sees_before_and_after(page, account, fresh_run)


def sees_before_and_after(page: Page, account: Account, run: Run) -> None:
    """Both pictures of each file and both players of an open one; what can't be played, and what is gone."""
    for side, names in {"Before": ("one.mp4", "three.avi"), "After": ("one.webm", "three.webm")}.items():
        for name in names:
            picture = page.get_by_role("img", name=f"{side}: {name}")
            until(
                lambda shown=picture: shown.evaluate("i => i.complete && i.naturalWidth") == 320, seconds=60
            )
    expect(page.locator("video")).to_have_count(2)
    sides = [page.get_by_text(side, exact=True).bounding_box() for side in ("Before", "After")]
    assert sides[0]["y"] == sides[1]["y"], "side by side"
    until(lambda: page.locator("video").last.evaluate("v => v.currentTime") > 0, what="the result that plays")

    page.get_by_role("button", name="Play").last.click()
    expect(page.get_by_text("Browsers don't play this kind of file (AVI: h264, aac).")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the original three.avi").click()
    assert download.value.suggested_filename == "three.avi"
    expect(page.locator("video")).to_have_count(1)

    files.delete_files(account, [file for file in files.list_files(account) if file.name == "two.mp4"])
    page.get_by_role("button", name="Play").last.click()
    expect(page.get_by_text("The original is no longer in storage")).to_be_visible()
    expect(page.get_by_role("img", name="Before: two.mp4")).to_be_visible()


def test_one_step_back_leaves_the_page(page: Page, app_url: str, fresh_run: Run) -> None:
    page.goto(f"{app_url}/convert")
    expect(page.get_by_role("heading", name="Convert", level=1)).to_be_visible()
    until(lambda: page.evaluate("history.pushState.onePage"), seconds=60, what="the frame’s own script")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Results").click()
    page.wait_for_url(re.compile(r"/results.*run="))
    page.wait_for_function("history.pushState.onePage")
    page.go_back()
    expect(page.get_by_role("heading", name="Convert", level=1)).to_be_visible()
    page.go_forward()
    page.wait_for_url(re.compile(rf"/results.*run={fresh_run.id}"))
    expect(page.get_by_role("heading", name="Results", level=1)).to_be_visible()
