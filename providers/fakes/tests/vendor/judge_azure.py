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
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm
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


def key_vault_keeps_tags_with_a_version():
    with World() as world:
        client = world.vault()
        first = client.set_secret("db", "one", tags={"jasm-owner": "prod/shop/config"})
        listed = next(iter(client.list_properties_of_secrets()))
        assert (listed.tags, listed.version) == ({"jasm-owner": "prod/shop/config"}, None), listed.tags
        assert (listed.created_on, listed.updated_on) == (first.properties.created_on, first.properties.updated_on)
        # Tags are the version's: what is written without has none.
        second = client.set_secret("db", "two")
        assert second.properties.created_on > first.properties.created_on
        assert not next(iter(client.list_properties_of_secrets())).tags
        changed = client.update_secret_properties("db", second.properties.version, tags={"a": "b"})
        assert changed.tags == {"a": "b"} and changed.updated_on > second.properties.updated_on
        found = client.get_secret("db")
        same(found.value, "two", "the value")
        assert found.properties.version == second.properties.version

        client.begin_delete_secret("db", _polling_interval=0.01).wait()
        assert client.get_deleted_secret("db").properties.tags == {"a": "b"}
        with refused(ResourceNotFoundError, "SecretNotFound"):
            client.get_deleted_secret("none")
        assert not list(client.list_properties_of_secrets())
        client.begin_recover_deleted_secret("db", _polling_interval=0.01).wait()
        assert next(iter(client.list_properties_of_secrets())).tags == {"a": "b"}


def key_vault_decrypts_with_its_keys():
    with World() as world:
        address = world.fakes.at["key-vault"]
        version = world.fakes.do("vault-key", vault="default", name="sops")["version"]
        other = world.fakes.do("vault-key", vault="default", name="other")["version"]

        def key(name, version):
            return CryptographyClient(
                f"{address}/keys/{name}/{version}", world.credential(), verify_challenge_resource=False, **ONCE
            )

        algorithm = EncryptionAlgorithm.rsa_oaep_256
        made = key("sops", version).encrypt(algorithm, b"data key \xff")
        assert made.key_id.endswith(f"/keys/sops/{version}") and len(made.ciphertext) == 256, made.key_id
        found = key("sops", version).decrypt(algorithm, made.ciphertext)
        same(found.plaintext, b"data key \xff", "what was encrypted")
        with refused(HttpResponseError, "BadParameter"):
            key("other", other).decrypt(algorithm, made.ciphertext)
        with refused(HttpResponseError, "BadParameter"):
            key("sops", version).decrypt(EncryptionAlgorithm.rsa1_5, made.ciphertext)
        with refused(ResourceNotFoundError, "KeyNotFound"):
            key("sops", other).decrypt(algorithm, made.ciphertext)
        world.fakes.do("withdraw", cloud="azure", principal="shop", resource="vaults/*")
        with refused(HttpResponseError, "Forbidden"):
            key("sops", version).decrypt(algorithm, made.ciphertext)


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


def app_configuration_writes_under_conditions():
    with World() as world:
        client = world.configuration()
        owner = {"jasm-owner": "prod/shop/config"}
        made = client.add_configuration_setting(ConfigurationSetting(key="a", value="1", tags=owner))
        client.add_configuration_setting(ConfigurationSetting(key="b", value="1", tags={"jasm-owner": "other"}))
        client.add_configuration_setting(ConfigurationSetting(key="a", label="prod", value="1", tags=owner))
        found = [(s.key, s.label) for s in client.list_configuration_settings(tags_filter=["jasm-owner=prod/shop/config"])]
        assert found == [("a", None), ("a", "prod")], found

        def under(etag, value):
            setting = ConfigurationSetting(key="a", value=value, tags=owner)
            condition = MatchConditions.IfNotModified
            return client.set_configuration_setting(setting, etag=etag, match_condition=condition)

        written = under(made.etag, "2")
        assert written.etag != made.etag and written.tags == owner
        for stale in (lambda: under(made.etag, "3"), lambda: client.delete_configuration_setting(
            "a", etag=made.etag, match_condition=MatchConditions.IfNotModified
        )):
            with refused(HttpResponseError):
                stale()
        same(client.get_configuration_setting("a").value, "2", "the setting")
        client.delete_configuration_setting("a", etag=written.etag, match_condition=MatchConditions.IfNotModified)
        with refused(ResourceNotFoundError):
            client.get_configuration_setting("a")


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
        key_vault_keeps_tags_with_a_version,
        key_vault_decrypts_with_its_keys,
        key_vault_has_pages,
        key_vault_refuses_whoever_may_not,
        entra_believes_what_was_federated_only,
        app_configuration,
        app_configuration_writes_under_conditions,
        app_configuration_has_filters_and_pages,
        app_configuration_refuses_whoever_may_not,
    ]
)
