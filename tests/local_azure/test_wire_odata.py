"""$filter, by running the SQL it becomes on SQLite."""

import json
import sqlite3

import pytest

from local_azure.batch import odata
from local_azure.batch.errors import BatchError

TASKS = [
    {
        "id": "Alpha",
        "state": "completed",
        "stateTransitionTime": "2026-01-01T00:00:00.0000000Z",
        "lastModified": "2026-01-01T00:00:00.0000000Z",
        "executionInfo": {"exitCode": 0, "result": "success", "startTime": "2026-01-01T00:00:00.5000000Z"},
    },
    {
        "id": "beta",
        "state": "completed",
        "stateTransitionTime": "2026-01-02T00:00:00.1234567Z",
        "lastModified": "2026-01-02T00:00:00.0000000Z",
        "executionInfo": {"exitCode": 3, "result": "failure"},
    },
    {
        "id": "it's",
        "state": "active",
        "stateTransitionTime": "2026-01-03T00:00:00.0000000Z",
        "lastModified": "2026-01-03T00:00:00.0000000Z",
        "executionInfo": {},
    },
]
POOLS = [
    {"id": "a", "enableAutoScale": True, "vmSize": "standard_d2s_v5", "allocationState": "steady"},
    {"id": "b", "enableAutoScale": False, "vmSize": "standard_d4s_v5", "allocationState": "resizing"},
]


def found(text: str, documents: list[dict], listing: str) -> list[str]:
    sql, params = odata.to_sql(odata.parse(text, listing))
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (doc TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [(json.dumps(doc),) for doc in documents])
        rows = database.execute(f"SELECT json_extract(doc, '$.id') FROM t WHERE {sql}", params).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("id eq 'alpha'", ["Alpha"]),
        ("id ne 'ALPHA'", ["beta", "it's"]),
        ("id eq 'it''s'", ["it's"]),
        ("startswith(id,'AL')", ["Alpha"]),
        ("startswith(id, '%')", []),
        ("state eq 'Completed'", ["Alpha", "beta"]),
        ("state ne 'completed'", ["it's"]),
        ("state eq 'completed' and executionInfo/exitCode ne 0", ["beta"]),
        ("executionInfo/exitCode gt 0", ["beta"]),
        ("executionInfo/exitCode lt -1", []),
        ("executionInfo/result ne 'success'", ["beta", "it's"]),
        ("stateTransitionTime ge DateTime'2026-01-02T00:00:00Z'", ["beta", "it's"]),
        ("stateTransitionTime gt datetime'2026-01-02T00:00:00.1234567Z'", ["it's"]),
        ("stateTransitionTime ge DateTime'Fri, 02 Jan 2026 00:00:00 GMT'", ["beta", "it's"]),
        ("stateTransitionTime lt 2026-01-02T00:00:00Z", ["Alpha"]),
        ("lastModifiedTime le DateTime'2026-01-02T00:00:00Z'", ["Alpha", "beta"]),
        ("executionInfo/startTime gt DateTime'2025-01-01T00:00:00Z'", ["Alpha"]),
        ("id eq 'alpha' or id eq 'beta' and state eq 'active'", ["Alpha"]),
        ("(id eq 'alpha' or id eq 'beta') and state eq 'completed'", ["Alpha", "beta"]),
        ("  ( ( id eq 'alpha' ) )  ", ["Alpha"]),
    ],
)
def test_tasks_are_found(text: str, ids: list[str]) -> None:
    assert found(text, TASKS, "tasks") == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("enableAutoScale eq true", ["a"]),
        ("enableAutoScale ne true", ["b"]),
        ("vmSize eq 'STANDARD_D2S_V5'", ["a"]),
        ("allocationState eq 'resizing' and id gt 'A'", ["b"]),
    ],
)
def test_pools_are_found(text: str, ids: list[str]) -> None:
    assert found(text, POOLS, "pools") == ids


@pytest.mark.parametrize(
    ("text", "listing"),
    [
        ("commandLine eq 'x'", "tasks"),
        ("state gt 'active'", "tasks"),
        ("startswith(state,'act')", "tasks"),
        ("state eq 'sleeping'", "tasks"),
        ("id eq alpha", "tasks"),
        ("id eq 5", "tasks"),
        ("executionInfo/exitCode eq '5'", "tasks"),
        ("executionInfo/exitCode eq 99999999999999999999", "tasks"),
        ("stateTransitionTime gt '2026-01-01T00:00:00Z'", "tasks"),
        ("stateTransitionTime gt DateTime'yesterday'", "tasks"),
        ("endswith(id,'x')", "tasks"),
        ("not id eq 'x'", "tasks"),
        ("id eq 'x' and", "tasks"),
        ("id eq 'x' id eq 'y'", "tasks"),
        ("(id eq 'x'", "tasks"),
        ("id eq 'x')", "tasks"),
        ("id EQ 'x'", "tasks"),
        ("Id eq 'x'", "tasks"),
        ("id eq 'x", "tasks"),
        ("id", "tasks"),
        ("vmSize gt 'a'", "pools"),
        ("enableAutoScale eq 'true'", "pools"),
        ("id eq 'x'", "nodes"),
        ("name eq 'x'", "files"),
        ("poolId ne 'x'", "nodecounts"),
        ("id eq 'x'; DROP TABLE t", "tasks"),
        ("(" * 100 + "id eq 'x'" + ")" * 100, "tasks"),
        (" or ".join(["id eq 'x'"] * 2000), "tasks"),
    ],
)
def test_what_batch_does_not_take_is_refused(text: str, listing: str) -> None:
    with pytest.raises(BatchError) as refused:
        odata.parse(text, listing)
    assert (refused.value.code, refused.value.status) == ("InvalidQueryParameterValue", 400)
    assert [key for key, _ in refused.value.values] == ["QueryParameterName", "QueryParameterValue", "Reason"]


def test_a_chain_as_long_as_clients_send_runs_on_sqlite() -> None:
    chain = " or ".join(f"id eq 'task-{number}'" for number in range(800))
    assert found(f"{chain} or id eq 'BETA'", TASKS, "tasks") == ["beta"]


def test_text_in_a_filter_never_becomes_sql() -> None:
    assert found("id eq ''' OR 1=1 --'", TASKS, "tasks") == []


@pytest.mark.parametrize(
    ("text", "listing", "document", "passes"),
    [
        ("startswith(name,'WD/')", "files", {"name": "wd/a.txt"}, True),
        ("startswith(name,'wd') or startswith(name,'std')", "files", {"name": "x"}, False),
        ("poolId eq 'P'", "nodecounts", {"poolId": "p"}, True),
        (
            "osType eq 'linux' and verificationType ne 'verified'",
            "supportedimages",
            {"osType": "linux"},
            True,
        ),
        ("nodeAgentSKUId eq 'batch.node.debian 12'", "supportedimages", {"nodeAgentSKUId": "other"}, False),
    ],
)
def test_lists_outside_the_store_are_filtered_alike(
    text: str, listing: str, document: dict, passes: bool
) -> None:
    assert odata.matches(odata.parse(text, listing), document) is passes
