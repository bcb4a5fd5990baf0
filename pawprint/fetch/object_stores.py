"""Open the object store of a URL: which bucket, at which endpoint, with which credentials."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

if TYPE_CHECKING:
    from obstore.store import RetryConfig

S3_URL = "https://s3.amazonaws.com"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
REGION_SECONDS = 5  # longest wait for a bucket's region
CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
# obstore limits a whole request to 30 s by default, which is too short for a large archive.
TIMEOUTS = {"connect_timeout": "10s", "read_timeout": "30s", "timeout": "30d"}
# `retries.keep_trying` retries instead: it continues where a transfer stopped.
RETRIES: "RetryConfig" = {"max_retries": 0}
AZURE_CREDENTIALS = (
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY"),
    *("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN"),
    *("AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"),
    *("AZURE_MSI_ENDPOINT", "AZURE_IDENTITY_ENDPOINT", "IDENTITY_ENDPOINT", "AZURE_USE_AZURE_CLI"),
)
"""With any of these variables set, Azure is asked with credentials; obstore reads them."""


def open_store(url: str) -> tuple[ObjectStore, str]:
    """Return the bucket of a URL, and the key in it.

    Credentials come from the cloud's own chain (environment, configuration files, the machine's role). Without any, the
    bucket is asked anonymously, which public buckets allow. The libraries' own variables set another endpoint:
    AWS_ENDPOINT_URL, STORAGE_EMULATOR_HOST, AZURE_STORAGE_ENDPOINT.

    Args:
        url: An address with `s3://`, `gs://`, `az://` or another of Azure's schemes (`grammar.BUCKET_SCHEMES`).

    Raises:
        ValueError: The environment describes the account wrongly.
    """
    scheme, bucket, key = split_url(url)
    if scheme == "s3":
        return _open_s3(bucket), key
    return (_open_gs(bucket) if scheme in {"gs", "gcs"} else _open_azure(bucket)), key


def split_url(url: str) -> tuple[str, str, str]:
    """Return scheme, bucket (for Azure with its account) and key; only an escaped comma is decoded.

    >>> split_url("gs://pets/cats%2Cdogs/1%20a.jpg"), split_url("abfss://pets@me.dfs.core.windows.net/a.zip")[1]
    (('gs', 'pets', 'cats,dogs/1%20a.jpg'), 'pets@me.dfs.core.windows.net')
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key.replace("%2C", ",")


def find_region(bucket: str) -> str | None:
    """Return the region of an Amazon bucket, which answers only there, or None if it is not found."""
    try:
        answer = requests.head(f"{S3_URL}/{bucket}", allow_redirects=False, timeout=REGION_SECONDS)
    except requests.RequestException:
        return None  # the request for the object itself will give the reason
    return answer.headers.get("x-amz-bucket-region")


def _open_s3(bucket: str) -> S3Store:
    # Botocore reads profiles, roles and single sign-on, which obstore alone does not. A new client takes a second.
    import botocore.session
    from obstore.auth.boto3 import Boto3CredentialProvider

    session = botocore.session.get_session()
    variables = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    endpoint = next(filter(None, variables), "") or session.get_scoped_config().get("endpoint_url", "")
    region = session.get_config_variable("region") or "us-east-1"
    if endpoint:
        config: Any = {"region": region, "endpoint": endpoint}
    else:
        config = {"region": find_region(bucket) or region}
    provider = None if session.get_credentials() is None else Boto3CredentialProvider(session)
    if provider is None:
        config["skip_signature"] = True
    return S3Store(
        bucket,
        config=config,
        credential_provider=provider,
        client_options=_client_options(endpoint),
        retry_config=RETRIES,
    )


def _open_gs(bucket: str) -> GCSStore:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError
    from obstore.auth.google import GoogleCredentialProvider

    config: Any = {}
    provider = None
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        config = {"base_url": emulator if "://" in emulator else f"http://{emulator}", "skip_signature": True}
    else:
        try:
            credentials, _ = google.auth.default(scopes=[READ_ONLY])
            provider = GoogleCredentialProvider(credentials)
        except DefaultCredentialsError:
            config = {"skip_signature": True}
    options = _client_options(config.get("base_url") or os.environ.get("GOOGLE_BASE_URL", ""))
    return GCSStore(bucket, config=config, credential_provider=provider, client_options=options, retry_config=RETRIES)


def _open_azure(bucket: str) -> AzureStore:
    container, _, host = bucket.partition("@")
    config: Any = _read_connection_string(os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    if host:
        config["account_name"] = host.partition(".")[0]
    if not config.get("account_name") and not os.environ.get("AZURE_STORAGE_ACCOUNT_NAME"):
        raise ValueError(
            "no storage account is named; set AZURE_STORAGE_ACCOUNT_NAME, or write "
            f"abfss://{container}@<account>.dfs.core.windows.net/<path>"
        )
    if not {"account_key", "sas_key"} & set(config) and not any(map(os.environ.get, AZURE_CREDENTIALS)):
        config["skip_signature"] = True
    options = _client_options(config.get("endpoint") or os.environ.get("AZURE_STORAGE_ENDPOINT", ""))
    return AzureStore(container, config=config, client_options=options, retry_config=RETRIES)


def _read_connection_string(text: str) -> dict[str, str]:
    """Return the fields of an Azure connection string under obstore's names.

    >>> _read_connection_string("AccountName=me;AccountKey=a2V5==;EndpointSuffix=core.windows.net")
    {'account_name': 'me', 'account_key': 'a2V5=='}
    """
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "SharedAccessSignature": "sas_key",
        "BlobEndpoint": "endpoint",
    }
    pairs = (pair.partition("=") for pair in text.split(";"))
    return {names[name]: value for name, _, value in pairs if name in names and value}


def _client_options(endpoint: str) -> Any:
    options: dict[str, Any] = {**TIMEOUTS, "allow_http": urlsplit(endpoint).scheme == "http"}
    bundle = next(filter(None, map(os.environ.get, CERTIFICATES)), None)
    if bundle and Path(bundle).is_file():
        options["root_certificate"] = Path(bundle).read_bytes()
    return options
