"""Entries of Google's stores, written with Google's clients."""

import base64

from google.api_core import exceptions
from google.cloud import parametermanager_v1 as pm
from google.cloud import secretmanager_v1 as sm

import crc32c as crc
import gcp_clients


def writer(thing, address, token):
    if thing == "secret":
        return Secrets(gcp_clients.secrets(address, token)).write
    assert thing == "parameter", f"{thing} is no thing of Google's"
    return Parameters(gcp_clients.parameters(address, token)).write


class Secrets:
    def __init__(self, client):
        self._client = client

    def write(self, name, value, alias=None, state="ENABLED"):
        """A version of projects/P[/locations/L]/secrets/S, which is made if need be; the value is base64."""
        parent, _, identifier = name.rpartition("/secrets/")
        # A secret of a region is nowhere else.
        body = {} if "/locations/" in parent else {"replication": {"automatic": {}}}
        try:
            self._client.create_secret(parent=parent, secret_id=identifier, secret=body)
        except exceptions.Conflict:
            pass
        data = base64.b64decode(value)
        payload = sm.SecretPayload(data=data, data_crc32c=crc.crc32c(data))
        version = self._client.add_secret_version(parent=name, payload=payload)
        number = version.name.rsplit("/", 1)[1]
        if alias:
            self._client.update_secret(
                secret={"name": name, "version_aliases": {alias: int(number)}},
                update_mask={"paths": ["version_aliases"]},
            )
        if state == "DISABLED":
            self._client.disable_secret_version(name=version.name)
        elif state == "DESTROYED":
            self._client.destroy_secret_version(name=version.name)
        return {"version": number}


class Parameters:
    def __init__(self, client):
        self._client = client

    def write(self, name, version, value, format="UNFORMATTED", disabled=False):
        """A version of projects/P/locations/L/parameters/N, which is made if need be; the value is base64.

        Says as whom the parameter reads the secrets that it refers to.
        """
        parent, _, identifier = name.rpartition("/parameters/")
        kind = pm.ParameterFormat[format]
        try:
            made = self._client.create_parameter(
                parent=parent, parameter_id=identifier, parameter=pm.Parameter(format_=kind)
            )
        except exceptions.Conflict:
            made = self._client.get_parameter(name=name)
        payload = pm.ParameterVersionPayload(data=base64.b64decode(value))
        written = self._client.create_parameter_version(
            parent=name,
            parameter_version_id=version,
            parameter_version=pm.ParameterVersion(payload=payload),
        )
        if disabled:
            self._client.update_parameter_version(
                parameter_version=pm.ParameterVersion(name=written.name, disabled=True),
                update_mask={"paths": ["disabled"]},
            )
        return {"version": version, "principal": made.policy_member.iam_policy_uid_principal}
