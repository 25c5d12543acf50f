"""Lets web pages of any origin use the local Blob service: it is this computer's own, on loopback."""

from local_azure.failures import StartFailure
from local_azure.settings import Endpoints

_METHODS = ["GET", "PUT", "HEAD", "OPTIONS"]
_MAX_AGE = 3600  # seconds a browser may remember the answer
_SECONDS = 10


def allow_every_origin(endpoints: Endpoints) -> None:
    """Set the Blob service's one CORS rule. StartFailure when it can't be set."""
    # Imported here, that is while Azurite starts, as the Batch service's imports are.
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient, CorsRule

    rule = CorsRule(
        ["*"], _METHODS, allowed_headers=["*"], exposed_headers=["*"], max_age_in_seconds=_MAX_AGE
    )
    client = BlobServiceClient(
        endpoints.storage_url,
        credential=endpoints.storage.key,
        retry_total=0,
        connection_timeout=_SECONDS,
        read_timeout=_SECONDS,
    )
    try:
        with client:
            client.set_service_properties(cors=[rule])
    except AzureError as error:
        raise StartFailure("Storage (Azurite) does not answer as it should.") from error
