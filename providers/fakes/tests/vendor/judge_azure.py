"""Azure's own clients against the fakes of its services: judge_azure.py PATH_OF_JASM_FAKES"""

import os
import sys
import tempfile

from azure.appconfiguration import AzureAppConfigurationClient, ConfigurationSetting
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

from azure_clients import Given
from lib import ISSUER, Fakes, Issuer, file_with, refused, run, same

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
AUDIENCE = "api://AzureADTokenExchange"
# A test that is told to fail at once must not wait for the client's own retries.
ONCE = {"retry_total": 0}


class World:
    """The three services, one identity that may do everything, and its credential."""

    def __init__(self):
        self.fakes = Fakes(sys.argv[1], "--only", "entra,key-vault,app-configuration")
        os.environ["REQUESTS_CA_BUNDLE"] = self.fakes.ca
        self._folder = tempfile.TemporaryDirectory()
        self.issuer = Issuer()
        self.fakes.do("trust", issuer=ISSUER, jwks=self.issuer.jwks())
        identity = {"issuer": ISSUER, "namespace": "shop", "account": "api"}
        self.fakes.do("app", tenant=TENANT, client=CLIENT, principal="shop", **identity)
        for resource in ("vaults/*", "configurations/*"):
            self.fakes.do("allow", cloud="azure", principal="shop", resource=resource)

    def credential(self, token=None, tenant=TENANT, client=CLIENT):
        token = token or self.issuer.token("shop", "api", AUDIENCE)
        return WorkloadIdentityCredential(
            tenant_id=tenant,
            client_id=client,
            token_file_path=file_with(self._folder.name, token),
            authority=self.fakes.at["entra"],
            disable_instance_discovery=True,
            **ONCE,
        )

    def vault(self, name="shop", credential=None):
        return SecretClient(
            f"{self.fakes.at['key-vault']}/at/{name}",
            credential or self.credential(),
            verify_challenge_resource=False,
            **ONCE,
        )

    def configuration(self, credential=None):
        return AzureAppConfigurationClient(
            self.fakes.at["app-configuration"], credential or self.credential(), **ONCE
        )

    def __enter__(self):
        return self

    def __exit__(self, *end):
        self.fakes.__exit__(*end)
        self._folder.cleanup()


def key_vault():
    with World() as world:
        client = world.vault()
        first = client.set_secret("Db-1", "one", content_type="text/plain", tags={"a": "b"})
        assert len(first.properties.version) == 32 and first.name == "Db-1", first.id
        second = client.set_secret("Db-1", "zwei é")
        same(client.get_secret("Db-1").value, "zwei é", "the current version")
        old = client.get_secret("db-1", first.properties.version)
        same(old.value, "one", "the first version")
        assert (old.properties.content_type, old.properties.tags) == ("text/plain", {"a": "b"})
        versions = {p.version for p in client.list_properties_of_secret_versions("Db-1")}
        assert versions == {first.properties.version, second.properties.version}

        client.update_secret_properties("Db-1", second.properties.version, enabled=False)
        with refused(HttpResponseError, "disabled secret"):
            client.get_secret("Db-1")
        assert not next(iter(client.list_properties_of_secrets())).enabled
        client.update_secret_properties("Db-1", second.properties.version, enabled=True)
        client.get_secret("Db-1")

        with refused(ResourceNotFoundError, "SecretNotFound"):
            client.get_secret("none")
        with refused(ResourceNotFoundError, "SecretNotFound"):
            client.get_secret("Db-1", "0" * 32)
        # Vaults are apart.
        with refused(ResourceNotFoundError):
            world.vault("other").get_secret("Db-1")

        client.begin_delete_secret("Db-1", _polling_interval=0.01).wait()
        with refused(ResourceNotFoundError):
            client.get_secret("Db-1")
        with refused(ResourceExistsError, "recoverable"):
            client.set_secret("Db-1", "three")
        client.begin_recover_deleted_secret("Db-1", _polling_interval=0.01).wait()
        same(client.get_secret("Db-1").value, "zwei é", "what was recovered")


def key_vault_has_pages():
    with World() as world:
        client = world.vault()
        for number in range(60):
            world.fakes.do("vault", vault="shop", name=f"s{number:02}", value=str(number))
        names = [properties.name for properties in client.list_properties_of_secrets()]
        assert names == [f"s{number:02}" for number in range(60)], names
        asked = [seen for seen in world.fakes.seen("key-vault") if seen["path"].endswith("/secrets")]
        # The challenge, then three pages.
        assert [seen["status"] for seen in asked] == [401, 200, 200, 200], asked


def key_vault_refuses_whoever_may_not():
    with World() as world:
        world.fakes.do("vault", vault="shop", name="db", value="x")
        world.fakes.do("withdraw", cloud="azure", principal="shop", resource="vaults/*")
        with refused(HttpResponseError, "Forbidden"):
            world.vault().get_secret("db")
        assert world.fakes.seen("key-vault")[-1]["principal"] == "shop"
        world.fakes.do("fault", server="key-vault", pattern="*/secrets/db/", fault={"status": 429}, times=2)
        with refused(HttpResponseError, "Throttled"):
            world.vault().get_secret("db")


def entra_believes_what_was_federated_only():
    with World() as world:
        scope = "https://vault.azure.net/.default"
        assert world.credential().get_token(scope).token
        token = world.issuer.token
        wrong = {
            "AADSTS700213": token("shop", "other", AUDIENCE),
            "AADSTS700212": token("shop", "api", "sts.amazonaws.com"),
            "AADSTS700024": token("shop", "api", AUDIENCE, seconds=-5),
            "AADSTS700211": Issuer("https://elsewhere").token("shop", "api", AUDIENCE),
            "AADSTS700027": Issuer().token("shop", "api", AUDIENCE),
            "AADSTS50027": "not.a.token",
        }
        for code, assertion in wrong.items():
            with refused(ClientAuthenticationError, code):
                world.credential(assertion).get_token(scope)
        with refused(ClientAuthenticationError, "AADSTS90002"):
            world.credential(tenant="33333333-3333-4333-8333-333333333333").get_token(scope)
        with refused(ClientAuthenticationError, "AADSTS700016"):
            world.credential(client="33333333-3333-4333-8333-333333333333").get_token(scope)
        with refused(ClientAuthenticationError, "AADSTS500011"):
            world.credential().get_token("https://elsewhere/.default")


def app_configuration():
    with World() as world:
        client = world.configuration()
        written = client.set_configuration_setting(
            ConfigurationSetting(key="app:a/b c", value="één", content_type="text/plain", tags={"t": "1"})
        )
        read = client.get_configuration_setting("app:a/b c")
        same(read.value, "één", "the setting")
        assert (read.etag, read.label, read.tags, read.content_type) == (written.etag, None, {"t": "1"}, "text/plain")
        assert read.last_modified and not read.read_only
        client.set_configuration_setting(ConfigurationSetting(key="app:a/b c", label="prod", value="two"))
        same(client.get_configuration_setting("app:a/b c", label="prod").value, "two", "the labelled one")
        with refused(ResourceExistsError):
            client.add_configuration_setting(ConfigurationSetting(key="app:a/b c", value="three"))
        with refused(ResourceNotFoundError):
            client.get_configuration_setting("none")

        unchanged = client.get_configuration_setting(
            "app:a/b c", etag=read.etag, match_condition=MatchConditions.IfModified
        )
        assert unchanged is None
        changed = client.set_configuration_setting(ConfigurationSetting(key="app:a/b c", value="new"))
        assert changed.etag != read.etag
        found = client.get_configuration_setting(
            "app:a/b c", etag=read.etag, match_condition=MatchConditions.IfModified
        )
        same(found.value, "new", "the changed setting")
        stale = ConfigurationSetting(key="app:a/b c", value="lost")
        with refused(HttpResponseError):
            client.set_configuration_setting(stale, etag=read.etag, match_condition=MatchConditions.IfNotModified)

        assert client.delete_configuration_setting("app:a/b c", label="prod").value == "two"
        assert client.delete_configuration_setting("app:a/b c", label="prod") is None


def app_configuration_has_filters_and_pages():
    with World() as world:
        client = world.configuration()
        for number in range(250):
            world.fakes.do("setting", store="default", key=f"app:{number:03}", value=str(number))
        world.fakes.do("setting", store="default", key="app:000", label="prod", value="p")
        world.fakes.do("setting", store="default", key="apple,*", value="q")

        def listed(**filters):
            return [(s.key, s.label) for s in client.list_configuration_settings(**filters)]

        assert len(listed()) == 252
        assert len(listed(key_filter="app:*")) == 251
        assert listed(key_filter="app:*", label_filter="prod") == [("app:000", "prod")]
        assert len(listed(key_filter="app:*", label_filter="\0")) == 250
        assert listed(key_filter="app:000,app:001", label_filter="\0") == [("app:000", None), ("app:001", None)]
        assert listed(key_filter="apple\\,\\*") == [("apple,*", None)]
        with refused(HttpResponseError):
            listed(key_filter="*a")
        # What was not asked for is not sent.
        names = next(iter(client.list_configuration_settings(key_filter="app:000", fields=["key"])))
        assert names.key and names.value is None
        pages = list(client.list_configuration_settings(key_filter="app:*").by_page())
        assert len(pages) == 3


def app_configuration_refuses_whoever_may_not():
    with World() as world:
        world.fakes.do("withdraw", cloud="azure", principal="shop", resource="configurations/*")
        with refused(HttpResponseError):
            world.configuration().get_configuration_setting("a")
        seen = world.fakes.seen("app-configuration")[-1]
        assert (seen["status"], seen["principal"]) == (403, "shop"), seen
        wrong = world.fakes.do(
            "token", cloud="azure", principal="shop", audience="https://vault.azure.net"
        )["token"]
        # It is for another service.
        with refused(ClientAuthenticationError):
            world.configuration(Given(wrong)).get_configuration_setting("a")


run(
    [
        key_vault,
        key_vault_has_pages,
        key_vault_refuses_whoever_may_not,
        entra_believes_what_was_federated_only,
        app_configuration,
        app_configuration_has_filters_and_pages,
        app_configuration_refuses_whoever_may_not,
    ]
)
