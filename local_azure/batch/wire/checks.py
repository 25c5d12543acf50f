"""Checks that several kinds of body share: ids, ranges, files, packages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local_azure.batch.errors import BatchError, invalid_property
from local_azure.batch.wire.times import duration_ticks

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MINUTE = 600_000_000
"""Ticks of 100 ns in a minute."""

Body = dict[str, Any]


def check_id(body: Mapping[str, Any], name: str = "id") -> None:
    """Ids are 1 to 64 letters, digits, hyphens and underscores."""
    if name in body and _ID.fullmatch(body[name]) is None:
        reason = "The value must be 1 to 64 characters out of letters, digits, hyphens and underscores"
        raise invalid_property(name, reason, body[name])


def check_name(body: Mapping[str, Any]) -> None:
    """Display names have at most 1024 characters."""
    if len(body.get("displayName", "")) > 1024:
        raise invalid_property("displayName", "The value must have at most 1024 characters")


def check_range(body: Mapping[str, Any], name: str, least: int, most: int) -> None:
    """A whole number that is there lies between `least` and `most`, both included."""
    if name in body and not least <= body[name] <= most:
        raise invalid_property(name, f"The value must be between {least} and {most}", body[name])


def check_shortest(body: Mapping[str, Any], name: str, minutes: int) -> None:
    """A duration that is there is at least `minutes` long."""
    if name in body and duration_ticks(body[name]) < minutes * MINUTE:
        raise invalid_property(name, f"The value must be at least {minutes} minutes", body[name])


def check_packages(body: Mapping[str, Any]) -> None:
    """The local account has no application packages, so that a reference to one is always wrong."""
    references = body.get("applicationPackageReferences")
    if references:
        missing = "The specified application package does not exist."
        values = [(reference["applicationId"], missing) for reference in references]
        raise BatchError("InvalidApplicationPackageReferences", *values)


def check_metadata(body: Mapping[str, Any]) -> None:
    """Metadata needs a name for each value."""
    if any(not item["name"] for item in body.get("metadata", [])):
        raise BatchError("EmptyMetadataKey")


def check_resource_files(files: list[Body]) -> None:
    """Each file has exactly one source, a path where the source is one URL, and stays in its directory."""
    sources = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")
    for file in files:
        given = [source for source in sources if source in file]
        if len(given) != 1:
            raise invalid_property("resourceFiles", f"Exactly one of {', '.join(sources)} must be given")
        if given == ["httpUrl"] and not file.get("filePath"):
            raise BatchError("MissingRequiredProperty", ("PropertyName", "filePath"))
        if given == ["httpUrl"] and "blobPrefix" in file:
            raise invalid_property("blobPrefix", "A blob prefix needs a container", file["blobPrefix"])
        path = file.get("filePath", "").replace("\\", "/")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
            raise invalid_property("filePath", "The path must stay in the working directory", path)


def check_output_files(files: list[Body]) -> None:
    """Each output file has a pattern and a container to go to."""
    for file in files:
        if not file["filePattern"]:
            raise invalid_property("filePattern", "The value must not be empty")
        if "container" not in file["destination"]:
            raise BatchError("MissingRequiredProperty", ("PropertyName", "container"))


def check_commands(body: Mapping[str, Any]) -> None:
    """What any kind of task holds: a command line, files, names of environment variables."""
    if not body["commandLine"].strip():
        raise invalid_property("commandLine", "The value must not be empty")
    if "\0" in body["commandLine"]:
        raise invalid_property("commandLine", "The value must not contain a null character")
    check_resource_files(body.get("resourceFiles", []))
    check_output_files(body.get("outputFiles", []))
    for setting in body.get("environmentSettings", []):
        name = setting["name"]
        if not name or "=" in name or "\0" in name + setting.get("value", ""):
            raise invalid_property(
                "environmentSettings", "The name of an environment variable is ill-formed", name
            )


def user_identity(body: Body) -> Body:
    """The identity a task runs as, with the service's defaults: the pool's shared user, not an administrator."""
    given = body.get("userIdentity", {})
    if "username" in given:
        if "autoUser" in given:
            raise invalid_property("userIdentity", "username and autoUser exclude each other")
        return {"username": given["username"]}
    auto = given.get("autoUser", {})
    return {
        "autoUser": {
            "scope": auto.get("scope", "pool"),
            "elevationLevel": auto.get("elevationLevel", "nonadmin"),
        }
    }
