"""Who read what, from what the clouds of the demo wrote down: demo-clouds.py FOLDER [--new] [ACCOUNT...]

FOLDER has the records of the fakes (CLOUD.json), the audit log of OpenBao (vault.log), and whose tokens
become which application of Entra (applications). --new leaves out what an earlier call has shown.
Prints one line for each request, and fails unless exactly the ACCOUNTs have read something.
"""

import json
import pathlib
import re
import sys

# Shown to a token service: the ServiceAccount's own, of the cluster.
ITS_TOKEN = "its token"

folder = pathlib.Path(sys.argv[1])
applications = dict(line.split() for line in (folder / "applications").read_text().splitlines())
# A session of AWS is named after the ServiceAccount by JASM; STS wrote down whose token it was given for.
sessions = {}


def seen(name):
    return json.loads((folder / f"{name}.json").read_text())["seen"]


def aws():
    for one in seen("aws"):
        who = one["principal"] or ""
        if one["operation"] == "AssumeRoleWithWebIdentity":
            account, _, session = who.partition(" as ")
            if session:
                sessions[session] = account.removeprefix("system:serviceaccount:").replace(":", "/")
            yield "AWS STS", one["operation"], ITS_TOKEN, session or "none", sessions.get(session, "refused"), one["status"]
        else:
            session = who.removeprefix("arn:aws:sts::123456789012:assumed-role/")
            yield "AWS", one["operation"], one["credential"], session, sessions.get(who, "?"), one["status"]


def gcp():
    for one in seen("gcp"):
        who = one["principal"] or ""
        account = re.search(r"\[(.*)\]$", who)
        account = account.group(1) if account else "refused"
        if one["operation"] == "ExchangeToken":
            yield "Google STS", one["operation"], ITS_TOKEN, who or "none", account, one["status"]
        else:
            yield "Google", short(one["path"]), one["credential"], who, account, one["status"]


def azure():
    for one in seen("entra"):
        who = one["principal"] or ""
        yield "Entra ID", "token", ITS_TOKEN, who or "none", applications.get(who, "refused"), one["status"]
    for name, store in (("key-vault", "Key Vault"), ("app-configuration", "App Config")):
        for one in seen(name):
            # The question that is answered with where to get a token.
            if one["credential"]:
                who = one["principal"] or "none"
                yield store, short(one["path"]), one["credential"], who, applications.get(who, "?"), one["status"]


def vault():
    for line in (folder / "vault.log").read_text().splitlines():
        entry = json.loads(line)
        request, auth = entry["request"], entry.get("auth") or {}
        path = request.get("path", "")
        if entry["type"] != "response" or "root" in auth.get("policies", []):
            continue
        login = path == "auth/kubernetes/login"
        if login:
            auth = (entry.get("response") or {}).get("auth") or {}
        about = auth.get("metadata") or {}
        account = f"{about['service_account_namespace']}/{about['service_account_name']}" if about else "refused"
        if login or path.startswith("secret/"):
            credential = ITS_TOKEN if login else (request.get("client_token_accessor") or "")[-12:]
            yield "Vault", path, credential, auth.get("display_name") or "none", account, 400 if entry.get("error") else 200


def short(path):
    return path.rsplit("/v1/", 1)[-1].lstrip("/").replace("projects/shop-1/", "").replace("locations/global/", "")


rows = [tuple(str(cell) for cell in row) for cloud in (aws, gcp, azure, vault) for row in cloud()]
shown = folder / "shown"
before = [tuple(row) for row in json.loads(shown.read_text())] if shown.exists() else []
shown.write_text(json.dumps(rows))
if "--new" in sys.argv:
    for row in before:
        rows.remove(row)
table = [("WHERE", "WHAT", "CREDENTIAL", "SESSION", "SERVICEACCOUNT", "STATUS"), *rows]
widths = [max(len(row[column]) for row in table) for column in range(6)]
for row in table:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
if not rows:
    sys.exit("nothing was written down")
readers = {account for _, _, credential, _, account, status in rows if status == "200" and credential != ITS_TOKEN}
expected = {word for word in sys.argv[2:] if word != "--new"}
if readers != expected:
    sys.exit(f"those who read are {sorted(readers)}, expected are {sorted(expected)}")
