"""Results: what the run has made, with its links, marks and causes."""

import json
import re
from collections.abc import Callable

import httpx
from streamlit.testing.v1 import AppTest

from batch_core import results
from batch_core.account import Account
from batch_core.jobs import Run
from pages.shell.words import size
from tests.waiting import until

PAGE = "pages/results.py"
Open = Callable[..., AppTest]


def download_url(opened: AppTest, label: str) -> str:
    """What the download button of this name fetches."""
    buttons = [
        json.loads(part.proto.json)
        for part in opened.get("bidi_component")
        if part.proto.component_name == "download"
    ]
    return next(button["url"] for button in buttons if button["label"] == label)


def text(opened: AppTest) -> str:
    return "\n".join(element.value for element in [*opened.markdown, *opened.caption])


def test_a_run_in_the_address_is_listed_with_sizes_before_and_after(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    assert not opened.exception
    assert [title.value for title in opened.title] == ["Results"]
    rows = results.list_results(account, finished_run.id)
    assert [row.state for row in rows] == ["done", "done"]
    assert "2 of 2 files done" in text(opened)
    for row in rows:
        assert f"{size(row.source_size)}, " in text(opened)
        assert f" → {size(row.size)}, " in text(opened)


def test_results_are_checked_in_the_background_and_marked(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)

    def marked() -> bool:
        opened.run()
        return text(opened).count("plays to its end") == 2

    until(marked, seconds=30, what="two results that play to their end")


def test_each_download_link_gives_its_file_and_nothing_wider(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    for row in results.list_results(account, finished_run.id):
        url = download_url(opened, f"Download {row.name}")
        answer = httpx.get(url)
        assert answer.status_code == 200
        assert len(answer.content) == row.size
        assert answer.headers["content-disposition"].startswith("attachment")
        assert re.search(r"[?&]sp=r(&|$)", url)
        assert re.search(r"[?&]sr=b(&|$)", url)


def test_play_shows_a_player_and_close_takes_it_away(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)
    assert not opened.get("audio")
    next(button for button in opened.button if button.label == "Play").click().run()
    (player,) = opened.get("audio")
    assert httpx.get(player.proto.url, headers={"Range": "bytes=0-9"}).status_code == 206
    next(button for button in opened.button if button.label == "Close").click().run()
    assert not opened.get("audio")


def test_download_all_is_a_signed_link_of_this_app(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)
    url = download_url(opened, "Download all")
    assert url.startswith("/stream/zip?")
    assert f"run={finished_run.id}" in url
    assert "signature=" in url


def test_a_run_of_another_account_is_said_to_be_missing(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run="run-of-someone-else")
    assert any("run-of-someone-else is not in this account" in warning.value for warning in opened.warning)
    assert not opened.exception
