"""Lets web pages of any origin use the local Blob service: it is this computer's own, on loopback."""

import base64
import hashlib
import hmac
import http.client
from email.utils import formatdate
from urllib.parse import urlsplit

from local_azure.failures import StartFailure

_VERSION = "2021-12-02"
_RULES = b"""<?xml version="1.0" encoding="utf-8"?><StorageServiceProperties><Cors><CorsRule>\
<AllowedOrigins>*</AllowedOrigins><AllowedMethods>GET,PUT,HEAD,OPTIONS</AllowedMethods>\
<AllowedHeaders>*</AllowedHeaders><ExposedHeaders>*</ExposedHeaders><MaxAgeInSeconds>3600</MaxAgeInSeconds>\
</CorsRule></Cors></StorageServiceProperties>"""
_SECONDS = 10


def allow_every_origin(url: str, account: str, key: str) -> None:
    """Set the Blob service's one CORS rule; `url` is `http://127.0.0.1:PORT/ACCOUNT`.

    One signed request instead of the storage SDK, whose import alone would take a third of the start.
    Signature: learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
    StartFailure when the service refuses; OSError when it can't be reached.
    """
    place = urlsplit(url)
    date = formatdate(usegmt=True)
    headers = {
        "Content-Type": "application/xml",
        "x-ms-date": date,
        "x-ms-version": _VERSION,
    }
    standard = ["", "", str(len(_RULES)), "", headers["Content-Type"], "", "", "", "", "", ""]
    resource = f"/{account}{place.path}/\ncomp:properties\nrestype:service"
    text = "\n".join(["PUT", *standard, f"x-ms-date:{date}", f"x-ms-version:{_VERSION}", resource])
    signature = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(signature).decode()}"
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_SECONDS)
    try:
        connection.request("PUT", f"{place.path}/?restype=service&comp=properties", _RULES, headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    if response.status != http.HTTPStatus.ACCEPTED:
        raise StartFailure(f"Storage refused its rule for web pages (status {response.status}).")
