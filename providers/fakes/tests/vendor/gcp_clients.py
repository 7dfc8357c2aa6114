"""Google's clients, made for an address of ours."""

import contextlib

import google.auth.transport.requests
import requests
from google.api_core import exceptions
from google.cloud import kms_v1, parametermanager_v1, secretmanager_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceRestTransport
from google.cloud.parametermanager_v1.services.parameter_manager.transports import ParameterManagerRestTransport
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)
from google.oauth2.credentials import Credentials


def host(address):
    return address.split("//", 1)[1]


def secrets(address, token):
    """An access token that is given needs no refresh and asks nobody."""
    transport = SecretManagerServiceRestTransport(
        host=host(address), credentials=Credentials(token), url_scheme="http"
    )
    return secretmanager_v1.SecretManagerServiceClient(transport=transport)


def parameters(address, token):
    transport = ParameterManagerRestTransport(
        host=host(address), credentials=Credentials(token), url_scheme="http"
    )
    return parametermanager_v1.ParameterManagerClient(transport=transport)


def keys(address, token):
    transport = KeyManagementServiceRestTransport(
        host=host(address), credentials=Credentials(token), url_scheme="http"
    )
    return kms_v1.KeyManagementServiceClient(transport=transport)


def request():
    session = requests.Session()
    session.trust_env = False
    return google.auth.transport.requests.Request(session)


@contextlib.contextmanager
def declined(status, *words):
    """The block fails with this `google.rpc.Code`, and all of the words in the text.

    Over REST the class that is raised follows the HTTP status alone, so that the envelope is asked:
    INVALID_ARGUMENT and FAILED_PRECONDITION are both a BadRequest.
    """
    try:
        yield
    except exceptions.GoogleAPICallError as error:
        envelope = error.response.json()["error"]
        assert envelope["status"] == status, f"{envelope['status']} is not {status}: {error}"
        assert envelope["code"] == error.code == error.response.status_code, error
        for word in words:
            assert word in envelope["message"], f"{word} is not in: {error}"
    else:
        raise AssertionError(f"{status} was not raised")
