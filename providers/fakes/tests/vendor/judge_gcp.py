"""Google's own clients against the fake of its cloud: judge_gcp.py PATH_OF_JASM_FAKES"""

import sys
import tempfile

from google.auth import exceptions as auth_exceptions
from google.auth import identity_pool
from google.cloud import parametermanager_v1 as pm
from google.cloud import secretmanager_v1 as sm

import crc32c as crc
import gcp_clients
from gcp_clients import declined
from lib import ISSUER, Fakes, Issuer, file_with, refused, run, same

PROJECT = "projects/shop-1"
ALL = "*"
BINARY = bytes(range(256))


def fakes():
    return Fakes(sys.argv[1], "--only", "gcp", "--plain")


def admin(cloud):
    cloud.do("allow", cloud="gcp", principal="user:admin", resource=ALL)
    return cloud.do("token", cloud="gcp", principal="user:admin")["token"]


def secret_manager(parent=PROJECT):
    """Everything that a secret can become, global or regional."""
    with fakes() as cloud:
        client = gcp_clients.secrets(cloud.at["gcp"], admin(cloud))
        # Only a global secret says how it is replicated.
        body = {"labels": {"app": "shop"}}
        if "locations" not in parent:
            body["replication"] = {"automatic": {}}
        secret = client.create_secret(parent=parent, secret_id="db", secret=body)
        assert secret.name.endswith("/secrets/db") and secret.create_time, secret.name
        with declined("ALREADY_EXISTS"):
            client.create_secret(parent=parent, secret_id="db", secret=body)
        name = f"{parent}/secrets/db"
        assert client.get_secret(name=name).labels["app"] == "shop"

        first = client.add_secret_version(
            parent=name, payload=sm.SecretPayload(data=BINARY, data_crc32c=crc.crc32c(BINARY))
        )
        assert first.name.endswith("/versions/1") and first.state == sm.SecretVersion.State.ENABLED
        assert first.client_specified_payload_checksum
        with declined("INVALID_ARGUMENT", "checksum"):
            client.add_secret_version(parent=name, payload=sm.SecretPayload(data=b"x", data_crc32c=1))
        client.add_secret_version(parent=name, payload=sm.SecretPayload(data="zwei é".encode()))

        def access(version):
            answer = client.access_secret_version(name=f"{name}/versions/{version}")
            same(answer.payload.data_crc32c, crc.crc32c(answer.payload.data), "the checksum")
            return answer

        same(access("1").payload.data, BINARY, "the first version")
        latest = access("latest")
        same(latest.payload.data, "zwei é".encode(), "the latest version")
        assert latest.name.endswith("/versions/2"), latest.name
        # What an answer is called can be asked for: its project is a number.
        same(client.access_secret_version(name=latest.name).payload.data, latest.payload.data, "its own name")

        client.update_secret(secret={"name": name, "version_aliases": {"old": 1}}, update_mask={"paths": ["version_aliases"]})
        assert client.get_secret(name=name).version_aliases["old"] == 1
        assert access("old").name.endswith("/versions/1")

        client.disable_secret_version(name=f"{name}/versions/2")
        with declined("FAILED_PRECONDITION", "DISABLED"):
            access("latest")
        client.enable_secret_version(name=f"{name}/versions/2")
        access("latest")
        client.destroy_secret_version(name=f"{name}/versions/2")
        with declined("FAILED_PRECONDITION", "DESTROYED"):
            access("latest")
        state = client.get_secret_version(name=f"{name}/versions/latest").state
        assert state == sm.SecretVersion.State.DESTROYED
        numbers = [version.name.rsplit("/", 1)[1] for version in client.list_secret_versions(parent=name)]
        assert numbers == ["2", "1"], numbers
        with declined("NOT_FOUND"):
            access("3")
        with declined("NOT_FOUND"):
            client.access_secret_version(name=f"{parent}/secrets/none/versions/latest")

        client.delete_secret(name=name)
        with declined("NOT_FOUND"):
            client.get_secret(name=name)


def regional_secret_manager():
    secret_manager(f"{PROJECT}/locations/europe-west1")


def secrets_are_written_under_conditions():
    with fakes() as cloud:
        client = gcp_clients.secrets(cloud.at["gcp"], admin(cloud))
        name = f"{PROJECT}/secrets/db"
        body = {
            "replication": {"automatic": {}},
            "labels": {"jasm-owner": "0123"},
            "annotations": {"jasm-owner": "prod/shop/config", "note": "a b/c@d:e"},
        }
        made = client.create_secret(parent=PROJECT, secret_id="db", secret=body)
        assert made.etag and made.annotations["note"] == "a b/c@d:e", made
        listed = list(client.list_secrets(request={"parent": PROJECT, "filter": "labels.jasm-owner=0123"}))
        assert [(s.etag, s.annotations["jasm-owner"]) for s in listed] == [(made.etag, "prod/shop/config")]
        # A version does not touch the secret itself.
        client.add_secret_version(parent=name, payload=sm.SecretPayload(data=b"one"))
        assert client.get_secret(name=name).etag == made.etag

        def update(etag, annotations):
            secret = {"name": name, "annotations": annotations}
            secret.update({"etag": etag} if etag else {})
            return client.update_secret(secret=secret, update_mask={"paths": ["annotations"]})

        updated = update(made.etag, {"note": "x"})
        assert updated.etag != made.etag and dict(updated.annotations) == {"note": "x"}
        assert updated.labels["jasm-owner"] == "0123"
        with declined("FAILED_PRECONDITION", "etag"):
            update(made.etag, {"note": "y"})
        again = update(updated.etag, {"note": "x"})
        assert again.etag != updated.etag, "what changes nothing is another state all the same"
        update(None, {"note": "z"})
        for wrong in ({"": "x"}, {"-a": "x"}, {"a": "x" * (16 << 10)}):
            with declined("INVALID_ARGUMENT"):
                update(None, wrong)
        with declined("INVALID_ARGUMENT"):
            secret = {"name": name, "labels": {"jasm-owner": "Prod/Shop"}}
            client.update_secret(secret=secret, update_mask={"paths": ["labels"]})
        with declined("INVALID_ARGUMENT", "empty"):
            client.add_secret_version(parent=name, payload=sm.SecretPayload(data=b""))
        with declined("FAILED_PRECONDITION", "etag"):
            client.delete_secret(request={"name": name, "etag": made.etag})
        client.delete_secret(request={"name": name, "etag": client.get_secret(name=name).etag})
        with declined("NOT_FOUND"):
            client.get_secret(name=name)


def parameters_have_labels_that_change():
    with fakes() as cloud:
        client = gcp_clients.parameters(cloud.at["gcp"], admin(cloud))
        parent = f"{PROJECT}/locations/global"
        made = client.create_parameter(
            parent=parent, parameter_id="app", parameter=pm.Parameter(labels={"a": "1", "team": "x"})
        )
        updated = client.update_parameter(
            parameter=pm.Parameter(name=made.name, labels={"a": "2"}), update_mask={"paths": ["labels"]}
        )
        assert dict(updated.labels) == {"a": "2"}, updated
        assert [dict(p.labels) for p in client.list_parameters(parent=parent)] == [{"a": "2"}]
        with declined("INVALID_ARGUMENT"):
            client.update_parameter(
                parameter=pm.Parameter(name=made.name, labels={"a": "B"}), update_mask={"paths": ["labels"]}
            )
        version = {"parent": made.name, "parameter_version_id": "v1"}
        body = pm.ParameterVersion(payload=pm.ParameterVersionPayload(data=b"\xff"))
        client.create_parameter_version(parameter_version=body, **version)
        with declined("ALREADY_EXISTS"):
            client.create_parameter_version(parameter_version=body, **version)
        with declined("FAILED_PRECONDITION"):
            client.delete_parameter(name=made.name)
        client.delete_parameter_version(name=f"{made.name}/versions/v1")
        client.delete_parameter(name=made.name)
        with declined("NOT_FOUND"):
            client.get_parameter(name=made.name)


def keys_encrypt_and_decrypt():
    with fakes() as cloud:
        client = gcp_clients.keys(cloud.at["gcp"], admin(cloud))
        name, other = (f"{PROJECT}/locations/global/keyRings/r/cryptoKeys/{key}" for key in ("k", "other"))
        for key in (name, other):
            cloud.do("kms-key", name=key)
        checked = {"plaintext": BINARY, "plaintext_crc32c": crc.crc32c(BINARY)}
        made = client.encrypt(request={"name": name, **checked})
        assert made.verified_plaintext_crc32c and made.name.startswith(name), made.name
        same(made.ciphertext_crc32c, crc.crc32c(made.ciphertext), "the checksum")
        again = client.encrypt(request={"name": name, **checked})
        assert again.ciphertext != made.ciphertext
        found = client.decrypt(
            request={"name": name, "ciphertext": made.ciphertext, "ciphertext_crc32c": made.ciphertext_crc32c}
        )
        same(found.plaintext, BINARY, "what was encrypted")
        same(found.plaintext_crc32c, crc.crc32c(BINARY), "the checksum")
        for key, ciphertext in ((other, made.ciphertext), (name, b"x" * 40), (name, b"x")):
            with declined("INVALID_ARGUMENT", "Decryption failed"):
                client.decrypt(name=key, ciphertext=ciphertext)
        with declined("INVALID_ARGUMENT"):
            client.decrypt(request={"name": name, "ciphertext": made.ciphertext, "ciphertext_crc32c": 1})
        with declined("NOT_FOUND"):
            client.decrypt(name=f"{name}-none", ciphertext=made.ciphertext)
        guest = cloud.do("token", cloud="gcp", principal="user:guest")["token"]
        with declined("PERMISSION_DENIED", "useToDecrypt"):
            gcp_clients.keys(cloud.at["gcp"], guest).decrypt(name=name, ciphertext=made.ciphertext)


def listings_have_pages_and_filters():
    with fakes() as cloud:
        client = gcp_clients.secrets(cloud.at["gcp"], admin(cloud))
        cloud.do("page-limit", limit=7)
        for number in range(20):
            label = {"app": "shop" if number % 2 else "other"}
            secret = {"replication": {"automatic": {}}, "labels": label}
            client.create_secret(parent=PROJECT, secret_id=f"s{number:02}", secret=secret)

        def listed(**request):
            pages = client.list_secrets(request={"parent": PROJECT, **request})
            return [secret.name.rsplit("/", 1)[1] for secret in pages]

        assert listed() == [f"s{number:02}" for number in reversed(range(20))]
        assert len(listed(page_size=3)) == 20
        assert len(listed(filter="labels.app=shop")) == 10
        assert listed(filter="labels.app=shop AND name:s01") == ["s01"]
        with declined("INVALID_ARGUMENT"):
            listed(filter="create_time>2020")


def who_may_not_gets_nothing():
    with fakes() as cloud:
        admin(cloud)
        cloud.do("secret", name=f"{PROJECT}/secrets/db", value="x")
        token = cloud.do("token", cloud="gcp", principal="user:guest")["token"]
        name = f"{PROJECT}/secrets/db/versions/latest"
        with declined("PERMISSION_DENIED", "secretmanager.versions.access"):
            gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name)
        # The same answer for what is not there.
        with declined("PERMISSION_DENIED"):
            gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name.replace("db", "no"))
        # On a 401 the client wants a new token, and this one cannot have one.
        with refused(auth_exceptions.RefreshError):
            gcp_clients.secrets(cloud.at["gcp"], "ya29.wrong").access_secret_version(name=name, retry=None)
        cloud.do("fault", server="gcp", pattern="*:access", fault={"status": 429}, times=1)
        with declined("RESOURCE_EXHAUSTED"):
            gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name, retry=None)


def parameter_manager(location="global"):
    with fakes() as cloud:
        client = gcp_clients.parameters(cloud.at["gcp"], admin(cloud))
        parent = f"{PROJECT}/locations/{location}"
        parameter = client.create_parameter(
            parent=parent, parameter_id="app", parameter=pm.Parameter(format_=pm.ParameterFormat.JSON)
        )
        assert parameter.format_ == pm.ParameterFormat.JSON
        cloud.do("secret", name=f"{PROJECT}/secrets/db", value='pass"word')
        payload = (
            b'{"user": "shop", "password": '
            b"\"__REF__('//secretmanager.googleapis.com/projects/shop-1/secrets/db/versions/latest')\"}"
        )
        version = client.create_parameter_version(
            parent=parameter.name,
            parameter_version_id="v1",
            parameter_version=pm.ParameterVersion(payload=pm.ParameterVersionPayload(data=payload)),
        )
        same(client.get_parameter_version(name=version.name).payload.data, payload, "the raw payload")
        basic = client.get_parameter_version(request={"name": version.name, "view": pm.View.BASIC})
        assert not basic.payload.data
        # The parameter reads the secret, and may not yet.
        with declined("PERMISSION_DENIED"):
            client.render_parameter_version(name=version.name)
        cloud.do(
            "allow",
            cloud="gcp",
            principal=parameter.policy_member.iam_policy_uid_principal,
            resource=f"{PROJECT}/secrets/db",
        )
        rendered = client.render_parameter_version(name=version.name)
        same(rendered.rendered_payload, b'{"user": "shop", "password": "pass\\"word"}', "the rendered payload")
        assert rendered.parameter_version == version.name

        client.create_parameter_version(
            parent=parameter.name,
            parameter_version_id="v2",
            parameter_version=pm.ParameterVersion(payload=pm.ParameterVersionPayload(data=b"{}")),
        )
        second = f"{parameter.name}/versions/v2"
        client.update_parameter_version(
            parameter_version=pm.ParameterVersion(name=second, disabled=True), update_mask={"paths": ["disabled"]}
        )
        off = client.get_parameter_version(name=second)
        assert off.disabled and not off.payload.data
        with declined("INTERNAL"):
            client.render_parameter_version(name=second, retry=None)
        request = {"parent": parameter.name, "order_by": "create_time desc", "page_size": 1}
        found = [(v.name.rsplit("/", 1)[1], v.disabled) for v in client.list_parameter_versions(request=request)]
        assert found == [("v2", True), ("v1", False)], found
        assert [p.name for p in client.list_parameters(parent=parent)] == [parameter.name]
        with declined("NOT_FOUND"):
            client.get_parameter_version(name=f"{parameter.name}/versions/v3")

        # What has no format is not looked into.
        free = client.create_parameter(
            parent=parent,
            parameter_id="free",
            parameter=pm.Parameter(format_=pm.ParameterFormat.UNFORMATTED),
        )
        version = client.create_parameter_version(
            parent=free.name,
            parameter_version_id="v1",
            parameter_version=pm.ParameterVersion(payload=pm.ParameterVersionPayload(data=payload)),
        )
        same(client.render_parameter_version(name=version.name).rendered_payload, payload, "what has no format")


def regional_parameter_manager():
    parameter_manager("europe-west1")


def pool_credentials(cloud, folder, token, audience, email=None):
    become = f"{cloud.at['gcp']}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    credentials = identity_pool.Credentials(
        audience=audience,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",
        token_url=f"{cloud.at['gcp']}/v1/token",
        credential_source={"file": file_with(folder, token)},
        service_account_impersonation_url=become if email else None,
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )
    credentials.refresh(gcp_clients.request())
    return credentials.token


def federated_tokens_are_the_service_accounts():
    with fakes() as cloud, tempfile.TemporaryDirectory() as folder:
        issuer = Issuer()
        cloud.do("trust", issuer=ISSUER, jwks=issuer.jwks())
        cloud.do("federation", number="42", pool="clusters", provider="test", issuer=ISSUER)
        audience = "//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/clusters/providers/test"
        cloud.do("secret", name=f"{PROJECT}/secrets/db", value="x")
        name = f"{PROJECT}/secrets/db/versions/latest"
        principal = (
            "principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/clusters"
            "/subject/system:serviceaccount:shop:api"
        )
        good = issuer.token("shop", "api", f"https:{audience}")
        token = pool_credentials(cloud, folder, good, audience)
        with declined("PERMISSION_DENIED"):
            gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name)
        cloud.do("allow", cloud="gcp", principal=principal, resource=f"{PROJECT}/secrets/db")
        same(
            gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name).payload.data,
            b"x",
            "the value",
        )
        assert cloud.seen("gcp")[-1]["principal"] == principal

        # As a Google service account, once that is allowed.
        email = "shop@shop-1.iam.gserviceaccount.com"
        with refused(auth_exceptions.RefreshError, "PERMISSION_DENIED"):
            pool_credentials(cloud, folder, good, audience, email)
        cloud.do("allow", cloud="gcp", principal=principal, resource=f"serviceAccounts/{email}")
        token = pool_credentials(cloud, folder, good, audience, email)
        cloud.do("allow", cloud="gcp", principal=f"serviceAccount:{email}", resource=f"{PROJECT}/secrets/db")
        gcp_clients.secrets(cloud.at["gcp"], token).access_secret_version(name=name)
        assert cloud.seen("gcp")[-1]["principal"] == f"serviceAccount:{email}"

        wrong = {
            "another audience": issuer.token("shop", "api", "https://kubernetes.default.svc"),
            "over": issuer.token("shop", "api", f"https:{audience}", seconds=-5),
            "another key": Issuer().token("shop", "api", f"https:{audience}"),
            "another issuer": Issuer("https://elsewhere").token("shop", "api", f"https:{audience}"),
        }
        for token in wrong.values():
            with refused(auth_exceptions.OAuthError, "invalid_grant"):
                pool_credentials(cloud, folder, token, audience)


def a_clusters_own_pool():
    with fakes() as cloud, tempfile.TemporaryDirectory() as folder:
        issuer = Issuer()
        cloud.do("trust", issuer=ISSUER, jwks=issuer.jwks())
        cloud.do("pool", project="shop-1", location="europe-west1", cluster="prod", issuer=ISSUER)
        audience = (
            "identitynamespace:shop-1.svc.id.goog:https://container.googleapis.com/v1/projects/shop-1"
            "/locations/europe-west1/clusters/prod"
        )
        pool_credentials(cloud, folder, issuer.token("shop", "api", "shop-1.svc.id.goog"), audience)
        assert cloud.seen("gcp")[-1]["principal"] == "serviceAccount:shop-1.svc.id.goog[shop/api]"
        # Of another cluster, which is trusted for other things.
        other = Issuer("https://other.cluster")
        cloud.do("trust", issuer="https://other.cluster", jwks=other.jwks())
        with refused(auth_exceptions.OAuthError, "invalid_grant"):
            pool_credentials(cloud, folder, other.token("shop", "api", "shop-1.svc.id.goog"), audience)


run(
    [
        secret_manager,
        regional_secret_manager,
        secrets_are_written_under_conditions,
        listings_have_pages_and_filters,
        who_may_not_gets_nothing,
        parameter_manager,
        regional_parameter_manager,
        parameters_have_labels_that_change,
        keys_encrypt_and_decrypt,
        federated_tokens_are_the_service_accounts,
        a_clusters_own_pool,
    ]
)
