"""The frame: every page is there, the first visitor gets it too, and answers carry the security headers."""

import asyncio
import base64
import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import httpx
import psutil
import pytest
import streamlit
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

import dashboard
from batch_core import pools
from batch_core.account import Account, AccountKind
from batch_core.local_cloud import LocalCloud
from pages.shell import costs, session
from pages.shell.headers import BROWSER_COOKIE, SecurityHeaders, content_security_policy
from tests.waiting import until

HEADINGS = {
    "pages/files.py": "Add your videos",
    "pages/convert.py": "Convert",
    "pages/results.py": "Results",
    "pages/monitor.py": "Monitor",
    "pages/pool.py": "Pool",
    "pages/connect.py": "Connect",
    "pages/cleanup.py": "Clean up",
}
Open = Callable[..., AppTest]


@pytest.mark.parametrize("page", HEADINGS)
def test_every_page_shows_its_heading(app: Open, page: str) -> None:
    opened = app(page)
    assert not opened.exception
    assert [title.value for title in opened.title] == [HEADINGS[page]]


def test_the_foot_says_which_account_and_how_many_nodes(app: Open, account: Account) -> None:
    def said() -> bool:
        opened = (
            app()
        )  # AppTest draws the frame in a session's first run only: later ones run the page itself
        assert "**This computer**" in opened.sidebar.markdown[0].value
        nodes = sum(pool.dedicated + pool.spot for pool in pools.list_pools(account))
        foot = f"ready · {nodes} nodes  \nNothing costs money"
        return nodes >= pools.LOCAL_NODES and any(foot in caption.value for caption in opened.sidebar.caption)

    until(said, what="the number of nodes at the foot")


def test_the_page_is_up_while_the_local_cloud_starts_and_when_it_was_killed(
    node_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node").symlink_to(node_home, target_is_directory=True)
    monkeypatch.setenv("BATCH_DASHBOARD_HOME", str(tmp_path))
    opened = AppTest.from_file(str(Path(dashboard.__file__)), default_timeout=30)

    def ready() -> bool:
        assert not opened.run().exception
        return any("no videos yet" in text.value for text in opened.markdown)

    try:
        opened.run().switch_page("pages/convert.py").run()
        assert [title.value for title in opened.title] == ["Convert"]
        until(ready, seconds=60, what="the page that goes on by itself")
        service = service_of(session.local_cloud())
        service.kill()
        service.wait(timeout=30)
        until(lambda: not ready(), what="the page that notices the end")
        until(ready, seconds=60, what="the page that is back by itself")
    finally:
        cloud = session.local_cloud()
        service = service_of(cloud)
        cloud.release()
        service.terminate()
        service.wait(timeout=30)


def service_of(cloud: LocalCloud) -> psutil.Process:
    """The process that `cloud` has started, once it is ready."""
    until(cloud.account, seconds=60, what="the local cloud")
    return psutil.Process(json.loads((cloud.data / "status.json").read_text())["pid"])


def test_a_full_disk_is_said_at_the_foot_and_on_connect(app: Open, account: Account, home: Path) -> None:
    status = home / "local-azure" / "status.json"
    before = status.read_text()
    status.write_text(
        json.dumps(json.loads(before) | {"sentence": "The disk is full: nothing new is taken."})
    )
    try:
        frame, opened = app(), app("pages/connect.py")
    finally:
        status.write_text(before)
    assert any("The disk is full" in caption.value for caption in frame.sidebar.caption)
    assert [warning.value for warning in opened.warning] == ["The disk is full: nothing new is taken."]


def test_the_first_visitor_of_the_process_gets_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    dashboard._pages_folder_is_ours()
    PagesManager(dashboard.__file__)
    assert PagesManager.uses_pages_directory is False


async def answers(app: Starlette, times: int) -> list[httpx.Response]:
    """What one browser gets when it asks an app for / so many times."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return [await client.get("/") for _ in range(times)]


def test_answers_carry_the_security_headers_and_a_browser_gets_its_name_once() -> None:
    app = Starlette(
        routes=[Route("/", lambda request: HTMLResponse("<p>"))], middleware=[Middleware(SecurityHeaders)]
    )
    first, second = asyncio.run(answers(app, 2))
    policy = first.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "object-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "same-origin"
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{BROWSER_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "set-cookie" not in second.headers


def test_a_route_with_a_stricter_policy_keeps_it() -> None:
    strict = {"Content-Security-Policy": "default-src 'none'"}
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("text", headers=strict))],
        middleware=[Middleware(SecurityHeaders)],
    )
    (answer,) = asyncio.run(answers(app, 1))
    assert answer.headers["content-security-policy"] == "default-src 'none'"


def test_the_policy_lets_streamlits_own_inline_script_run() -> None:
    page = (files("streamlit") / "static" / "index.html").read_text(encoding="utf-8")
    script = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in content_security_policy()


def test_the_options_that_the_configuration_names_exist() -> None:
    config = Path(dashboard.__file__).parent / ".streamlit" / "config.toml"
    known = streamlit.config._config_options_template

    def check(prefix: str, table: dict) -> None:
        for name, value in table.items():
            if isinstance(value, dict):
                check(f"{prefix}{name}.", value)
            else:
                assert f"{prefix}{name}" in known

    check("", tomllib.loads(config.read_text(encoding="utf-8")))


def test_the_foot_counts_what_azure_charges_for_also_while_it_is_on_its_way(account: Account) -> None:
    pools.ensure_local_pool(account)
    here = pools.get_pool(account, pools.LOCAL_POOL)
    none = replace(here, dedicated=0, spot=0, target_dedicated=0, target_spot=0)
    coming = replace(none, target_spot=5)
    assert costs.charge([none]) == "No nodes: Azure charges for storage only"
    assert costs.charge([none, coming]) == "Azure charges for 5 nodes and for storage"
    assert (
        costs.charge([replace(none, spot=1), coming])
        == "Azure charges for 6 nodes in 2 pools and for storage"
    )


def test_an_azure_account_is_told_on_every_page_what_exists_that_it_pays_for(
    azure_like: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local cloud taken for Azure: only an address that is this computer's costs nothing."""
    monkeypatch.setattr(costs, "is_loopback", lambda host: False)
    pools.ensure_local_pool(replace(azure_like, kind=AccountKind.LOCAL))
    opened = AppTest.from_file(str(Path(dashboard.__file__)), default_timeout=30)
    opened.session_state["azure_account"] = azure_like
    opened.session_state["id_account"] = azure_like.handle
    opened.run()
    foot = "\n".join(caption.value for caption in opened.sidebar.caption)
    assert re.search(r"Azure charges for \d+ nodes( in \d+ pools)? and for storage", foot)
    opened.switch_page("pages/cleanup.py").run()
    said = "\n".join(text.value for text in opened.main.markdown)
    assert re.search(r"\d+ of them costs? money while they exist: those marked", said)
    assert "Nothing costs money" not in said
