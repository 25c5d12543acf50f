"""Two sessions with two accounts: neither sees the other's files, runs, pools or kept answers on any page."""

import ast
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import files, jobs, pools, storage
from batch_core.account import Account, AccountKind
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from pages.shell import session
from tests.conftest import connected, started_cloud
from tests.core.clips import clip, uploaded

PROJECT = Path(__file__).parents[2]
PAGES = ("files", "convert", "results", "monitor", "pool", "cleanup")
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, node_home: Path) -> Iterator[Account]:
    """An account of the same names on a cloud of its own."""
    with started_cloud(tmp_path_factory.mktemp("other") / "local-azure", node_home) as cloud:
        yield connected(cloud, AccountKind.AZURE)


def furnished(account: Account, mark: str, folder: Path) -> None:
    """A video, a run and a pool whose names tell whose they are."""
    storage.ensure_containers(account)
    video: VideoFile = uploaded(account, clip(folder / f"{mark}.mp4", 1), f"{mark} video.mp4")
    jobs.launch(account, Plan((video,), "mp3", pool_id="nowhere", name=f"{mark} run", nonce=uuid.uuid4().hex))
    pools.create(account, pools.PoolSpec(id=f"{mark}-pool", dedicated=0, spot=0))


def everything(opened: AppTest) -> str:
    """All that the server has sent for a page, as text."""
    assert not opened.exception

    def sent(block) -> Iterator[str]:
        for child in block.children.values():
            yield str(getattr(child, "proto", ""))
            yield from sent(child) if hasattr(child, "children") else ()

    return "\n".join([*sent(opened._tree), *(table.value.to_csv() for table in opened.dataframe)])


def test_neither_sees_anything_of_the_other(
    app: Open, account: Account, other: Account, tmp_path: Path
) -> None:
    furnished(account, "quokka", tmp_path)
    furnished(other, "wombat", tmp_path)
    one, two = app(), app()
    two.session_state["azure_account"] = other
    two.session_state["id_account"] = other.handle
    try:
        for page in PAGES:
            for opened, mine, foreign in (
                (one, "quokka", "wombat"),
                (two, "wombat", "quokka"),
                (one, "quokka", "wombat"),
            ):
                seen = everything(opened.switch_page(f"pages/{page}.py").run())
                assert foreign not in seen, page
                assert mine in seen, page
    finally:
        session._recorder.clear()
        ours = [file for file in files.list_files(account) if file.name == "quokka video.mp4"]
        files.delete_files(account, ours)
        pools.delete(account, "quokka-pool")
        for run in jobs.list_runs(account):
            if run.name == "quokka run":
                jobs.stop(account, run.id)


def test_whatever_is_kept_for_all_sessions_has_the_account_in_its_key() -> None:
    kept = [found for path in sorted((PROJECT / "pages").rglob("*.py")) for found in caches(path)]
    assert len(kept) > 5
    for name, parameters in kept:
        if any(parameter.startswith("_") for parameter in parameters):
            assert parameters[0] == "fingerprint", f"{name}: what begins with _ is no part of a key"


def caches(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The functions of a file whose answers Streamlit keeps, each with its parameters."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if any(mark.startswith(("st.cache_data", "st.cache_resource")) for mark in marks):
                yield f"{path.name}: {node.name}", [argument.arg for argument in node.args.args]
