"""Images that nodes can have: from the service's list, or as people type them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.batch import models

from batch_core.account import Account
from batch_core.errors import InvalidInput, translated
from batch_core.times import moment

DEFAULT_AGENT = "batch.node.ubuntu 24.04"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GALLERY = re.compile(r"/(subscriptions|sharedgalleries|communitygalleries)/[^\s?#]+", re.IGNORECASE)


@dataclass(frozen=True)
class ImageRef:
    """A marketplace image (publisher, offer, sku, version) or, with `gallery_id`, one of a compute gallery."""

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = "latest"
    gallery_id: str | None = None

    def __str__(self) -> str:
        if self.gallery_id:
            return self.gallery_id
        version = "" if self.version == "latest" else f"/{self.version}"
        return f"{self.publisher}/{self.offer}/{self.sku}{version}"


DEFAULT_IMAGE = ImageRef("canonical", "ubuntu-24_04-lts", "server")


@dataclass(frozen=True)
class ImageChoice:
    """An image of the service's list; `agent` is the node agent SKU that it needs."""

    image: ImageRef
    agent: str
    label: str
    os: str
    end_of_life: datetime | None


def parse_image(text: str) -> ImageRef:
    """An image as people type it: publisher/offer/sku, with /version or not, or a gallery's resource id.

    Raises InvalidInput. The three kinds of resource id are those of `BatchVmImageReference`.
    """
    text = text.strip().rstrip("/")
    if _GALLERY.fullmatch(text):
        return ImageRef(gallery_id=text)
    parts = [part.strip() for part in text.split("/")]
    if len(parts) not in (3, 4) or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidInput(
            f"“{text}” is not an image." if text else "No image is given.",
            "Type publisher/offer/sku, as in canonical/ubuntu-24_04-lts/server, or a gallery image's resource id.",
        )
    return ImageRef(*parts)


def supported(account: Account) -> list[ImageChoice]:
    """The images that the account's nodes can have: verified Linux ones first, none past its end of support."""
    now = datetime.now(UTC)
    with translated("list the images"):
        listed = [item.as_dict() for item in account.batch.list_supported_images()]
    choices = []
    for doc in listed:
        ends = moment(doc.get("batchSupportEndOfLife"))
        if ends is None or ends > now:
            verified = str(doc.get("verificationType", "")).lower() == "verified"
            choices.append((_image_choice(doc, ends), verified))
    choices.sort(
        key=lambda pair: (not pair[1], pair[0].os != "Linux", not _is_default(pair[0]), pair[0].label)
    )
    return [choice for choice, _ in choices]


def _image_choice(doc: Mapping[str, Any], ends: datetime | None) -> ImageChoice:
    reference = doc["imageReference"]
    image = ImageRef(
        reference.get("publisher", ""),
        reference.get("offer", ""),
        reference.get("sku", ""),
        reference.get("version") or "latest",
    )
    return ImageChoice(
        image=image,
        agent=doc["nodeAgentSKUId"],
        label=f"{image.offer} {image.sku} · {image.publisher}",
        os=str(doc.get("osType", "linux")).capitalize(),
        end_of_life=ends,
    )


def _is_default(choice: ImageChoice) -> bool:
    return str(choice.image).lower() == str(DEFAULT_IMAGE) and choice.agent == DEFAULT_AGENT


def reference(image: ImageRef) -> models.BatchVmImageReference:
    """The image as the service takes it."""
    if not image.gallery_id:
        return models.BatchVmImageReference(
            publisher=image.publisher, offer=image.offer, sku=image.sku, version=image.version
        )
    kind = image.gallery_id.split("/")[1].lower()
    if kind == "sharedgalleries":
        return models.BatchVmImageReference(shared_gallery_image_id=image.gallery_id)
    if kind == "communitygalleries":
        return models.BatchVmImageReference(community_gallery_image_id=image.gallery_id)
    return models.BatchVmImageReference(virtual_machine_image_id=image.gallery_id)
