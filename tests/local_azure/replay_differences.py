"""Every difference between recorded answers of the real service and ours, with its reason.

A difference that is found and not listed here fails the replay, and so does a row that no difference needs any
more. `scenario` and `what` are patterns (`*` and `?`, brackets stand for themselves); `place` is the exchange's
number in its file, or None for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.local_azure.replay import Difference


@dataclass(frozen=True)
class Listed:
    """A difference that is meant."""

    scenario: str
    place: int | None
    what: str
    reason: str

    def covers(self, found: Difference) -> bool:
        """Whether this row is about the difference."""
        return (
            _like(self.scenario, found.scenario)
            and self.place in (None, found.place)
            and _like(self.what, found.what)
        )


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


_NEWER = "new in API version 2025-06-01; ours tells it whatever version is asked for, clients pass over it"
_OLDER = "gone in API version 2025-06-01; ours takes it from older clients and drops it"
_SYSTEM = "nodes are folders of this computer: loopback instead of a public address"

LISTED: tuple[Listed, ...] = (
    # The transport.
    Listed("*", None, "content-length", "HTTP forbids Content-Length on 204 (RFC 9110, 8.6)"),
    # What API versions have added and taken away.
    Listed("*", None, "*.taskSchedulingPolicy.jobDefaultOrder", _NEWER),
    Listed("2022-pool-resize-update", 7, "body.value[].*.deallocated", _NEWER),
    Listed("2022-pool-resize-update", 7, "body.value[].*.deallocating", _NEWER),
    Listed("2022-pool-resize-update", 7, "body.value[].*.upgradingOS", _NEWER),
    Listed("2023-pool-create-list-paging-errors", None, "*.dataDisks[].managedDisk", _NEWER),
    Listed("2023-pool-create-list-paging-errors", None, "*.dataDisks[].storageAccountType", _OLDER),
    Listed("2023-pool-create-list-paging-errors", None, "*.applicationLicenses", _OLDER),
    Listed("*", None, "*certificateReferences", _OLDER),
    Listed("*", None, "body*.targetNodeCommunicationMode", _OLDER),
    Listed("2023-task-crud-linux-node", 2, "body.currentNodeCommunicationMode", _OLDER),
    Listed("2019-task-terminate-active", None, "body*.requiredSlots", "not yet in API version 2018-12-01"),
    Listed("2020-tasks", 12, "body.requiredSlots", "not yet in API version 2020-03-01"),
    # What a computer is not.
    Listed("*", None, "*.inboundEndpoints[].publicIPAddress", _SYSTEM),
    Listed("*", None, "*.inboundEndpoints[].publicFQDN", _SYSTEM),
    Listed("*", None, "*.imageReference.exactVersion", "no image is really there"),
    Listed(
        "2025-files-windows-node", 1, "body.value[volatile/temp]", "the temporary folder of the node's tasks"
    ),
    Listed(
        *("2023-pool-create-list-paging-errors", 1, "body.values[].value"),
        "the local account has no subscription that could own a subnet: refused alike, in other words",
    ),
    # What the service chose for itself.
    Listed(
        *("2026-pool-update-delete", 7, "body.resizeTimeout"),
        "the real service gave the resize of a deletion a timeout of its own, which nothing reads",
    ),
    Listed(
        *("2023-pool-create-list-paging-errors", 0, "body.value[].batchSupportEndOfLife"),
        "announced since the recording",
    ),
    # What the recording left out.
    Listed(
        *("2022-autopool-jobs-and-collections", 4, "body.value[1]"),
        "request and answer were cut to different 4 of 19 items",
    ),
)
