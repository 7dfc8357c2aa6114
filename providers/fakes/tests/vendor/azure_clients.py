"""Azure's clients with a token that was given to them."""

from azure.appconfiguration import AzureAppConfigurationClient
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient


class Given:
    """A credential that has this token, whatever is asked of it."""

    def __init__(self, token):
        self._token = token

    def get_token(self, *_, **__):
        return AccessToken(self._token, 1 << 33)


def vault(address, token, **more):
    return SecretClient(address, Given(token), verify_challenge_resource=False, retry_total=0, **more)


def configuration(address, token, **more):
    return AzureAppConfigurationClient(address, Given(token), retry_total=0, **more)
