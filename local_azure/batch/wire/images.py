"""The virtual machine images that the local service says it supports.

Shapes and the older entries are those of recorded answers to GET /supportedimages; ends of support are those
announced for Azure Batch (Azure/Batch issues, 2023 to 2026).
"""

from __future__ import annotations

from typing import Any

_GEN2 = ("Generation2VMImage",)
_UBUNTU_18 = ("batch.node.ubuntu 18.04", "linux", "2023-05-31T00:00:00Z")
_UBUNTU_20 = ("batch.node.ubuntu 20.04", "linux", "2025-04-23T00:00:00Z")
_UBUNTU_22 = ("batch.node.ubuntu 22.04", "linux", "2027-06-30T00:00:00Z")
_UBUNTU_24 = ("batch.node.ubuntu 24.04", "linux", None)
_DEBIAN_12 = ("batch.node.debian 12", "linux", None)
_EL_8 = ("batch.node.el 8", "linux", None)
_EL_9 = ("batch.node.el 9", "linux", None)
_WINDOWS = ("batch.node.windows amd64", "windows", None)
_WINDOWS_2016 = ("batch.node.windows amd64", "windows", "2027-01-12T00:00:00Z")
_HPC = ("DockerCompatible", "SupportsRDMAOnly", "IntelMPIRuntimeInstalled")

_Row = tuple[str, str, str, tuple[str, str, str | None], bool, tuple[str, ...]]

_ROWS: tuple[_Row, ...] = (
    ("almalinux", "almalinux", "8-gen1", _EL_8, False, ()),
    ("almalinux", "almalinux", "8-gen2", _EL_8, False, _GEN2),
    ("almalinux", "almalinux", "9-gen1", _EL_9, True, ()),
    ("almalinux", "almalinux", "9-gen2", _EL_9, True, _GEN2),
    ("canonical", "0001-com-ubuntu-server-focal", "20_04-lts", _UBUNTU_20, True, ()),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", _UBUNTU_22, True, ()),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", _UBUNTU_22, True, _GEN2),
    ("canonical", "ubuntu-24_04-lts", "server", _UBUNTU_24, True, _GEN2),
    ("canonical", "ubuntu-24_04-lts", "server-gen1", _UBUNTU_24, True, ()),
    ("canonical", "ubuntuserver", "18.04-lts", _UBUNTU_18, True, ()),
    ("debian", "debian-12", "12", _DEBIAN_12, True, ()),
    ("debian", "debian-12", "12-gen2", _DEBIAN_12, True, _GEN2),
    ("microsoft-dsvm", "ubuntu-hpc", "2204", _UBUNTU_22, True, _HPC),
    ("microsoft-dsvm", "ubuntu-hpc", "2404", _UBUNTU_24, True, _HPC),
    ("microsoftwindowsserver", "windowsserver", "2016-datacenter", _WINDOWS_2016, True, ()),
    ("microsoftwindowsserver", "windowsserver", "2016-datacenter-smalldisk", _WINDOWS_2016, True, ()),
    ("microsoftwindowsserver", "windowsserver", "2019-datacenter", _WINDOWS, True, ()),
    ("microsoftwindowsserver", "windowsserver", "2022-datacenter", _WINDOWS, True, ()),
    ("microsoftwindowsserver", "windowsserver", "2022-datacenter-g2", _WINDOWS, True, _GEN2),
    ("microsoftwindowsserver", "windowsserver", "2025-datacenter", _WINDOWS, True, ()),
)


def _entry(row: _Row) -> dict[str, Any]:
    publisher, offer, sku, (agent, system, end), verified, capabilities = row
    entry: dict[str, Any] = {
        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
        "verificationType": "verified" if verified else "unverified",
        "nodeAgentSKUId": agent,
    }
    if end:
        entry["batchSupportEndOfLife"] = end
    if capabilities:
        entry["capabilities"] = list(capabilities)
    entry["osType"] = system
    return entry


IMAGES: tuple[dict[str, Any], ...] = tuple(_entry(row) for row in _ROWS)


def find_image(publisher: str, offer: str, sku: str) -> dict[str, Any] | None:
    """The list's entry for an image, its names compared without regard to case; None when it is not listed."""
    wanted = (publisher.lower(), offer.lower(), sku.lower())
    for row, entry in zip(_ROWS, IMAGES, strict=True):
        if row[:3] == wanted:
            return entry
    return None
