"""What no page, log or history may tell: prices and times that nothing computed, keys, signatures."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from streamlit.testing.v1 import AppTest

from batch_core.jobs import Run
from tests.waiting import until

PAGES = ("files", "convert", "results", "monitor", "pool", "connect", "cleanup")
Open = Callable[..., AppTest]
PRICE = re.compile(
    r"[€£¥]|(?<!\\)\$\d|\bUSD\b|\bEUR\b|\bprices?\b|\bestimate|\btime left\b|\bminutes left\b", re.I
)
SIGNATURE = re.compile(rb"sig=[A-Za-z0-9%+/]{20,}")
SAS = re.compile(r"https?://[^\s\"\\]+?\?[^\s\"\\]*sig=[^\s\"\\]+")


def sent(opened: AppTest) -> str:
    """All that the server sends for a page, as text: words, links, what components get."""

    def below(block: Any) -> list[str]:
        own = [MessageToJson(block.proto, ensure_ascii=False)] if getattr(block, "proto", None) else []
        return own + [text for child in getattr(block, "children", {}).values() for text in below(child)]

    return "\n".join(below(opened._tree))


@pytest.mark.parametrize("page", PAGES)
def test_no_price_no_time_left_and_no_key_is_sent(
    app: Open, cloud: dict, finished_run: Run, page: str
) -> None:
    opened = app(f"pages/{page}.py", run=finished_run.id)
    text = sent(opened)
    assert opened.title[0].value in text
    assert not PRICE.findall(text)
    for service in ("batch", "storage"):
        assert cloud[service]["key"] not in text
    links = SAS.findall(text)
    assert bool(links) == (page == "results"), text
    for link in links:
        assert "sr=b" in link
        assert "sp=r&" in f"{link}&"


def test_no_log_and_no_history_holds_a_key_or_a_signature(
    app: Open, cloud: dict, home: Path, finished_run: Run
) -> None:
    """Only endpoints.json (which is the key's place) and the service's own store, both private, hold any."""
    opened = app("pages/monitor.py", run=finished_run.id)
    until(lambda: opened.run().success, what="the run on Monitor, and so in the history")
    private = {home / "local-azure" / "endpoints.json", *(home / "local-azure" / "batch").glob("batch.db*")}
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(home / "node")]
    names = {path.name for path in files}
    assert "log.txt" in names
    assert any(path.is_relative_to(home / "history") for path in files)
    assert any("fileuploadout" in name for name in names)
    for path in files:
        if path in private:
            assert path.stat().st_mode & 0o077 == 0 or path.drive
            continue
        content = path.read_bytes()
        assert not SIGNATURE.search(content), path
        for service in ("batch", "storage"):
            assert cloud[service]["key"].encode() not in content, path
