"""Entries of Azure's stores, written with Azure's clients."""

import datetime

from azure.appconfiguration import (
    ConfigurationSetting,
    FeatureFlagConfigurationSetting,
    SecretReferenceConfigurationSetting,
)

import azure_clients


def writer(thing, address, token, ca):
    if thing == "secret":
        return Secrets(azure_clients.vault(address, token, connection_verify=ca)).write
    assert thing == "setting", f"{thing} is no thing of Azure's"
    return Settings(azure_clients.configuration(address, token, connection_verify=ca)).write


def moment(hours):
    """So many hours from now; none is none."""
    if hours is None:
        return None
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)


class Secrets:
    def __init__(self, client):
        self._client = client

    def write(self, name, value, enabled=None, starts=None, ends=None):
        """A version of a secret; `starts` and `ends` are hours from now."""
        written = self._client.set_secret(
            name, value, enabled=enabled, not_before=moment(starts), expires_on=moment(ends)
        )
        return {"version": written.properties.version, "id": written.id}


class Settings:
    def __init__(self, client):
        self._client = client

    def write(self, key, value=None, label=None, content_type=None, refers=None, flag=None):
        """A key-value, or a reference to the secret with this id, or a feature flag that is on or off."""
        if refers is not None:
            setting = SecretReferenceConfigurationSetting(key, refers, label=label)
        elif flag is not None:
            setting = FeatureFlagConfigurationSetting(key, enabled=flag, label=label)
        else:
            setting = ConfigurationSetting(key=key, value=value, label=label, content_type=content_type)
        written = self._client.set_configuration_setting(setting)
        return {"key": written.key, "etag": written.etag}
