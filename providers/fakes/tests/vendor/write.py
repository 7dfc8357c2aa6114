"""Writes with the vendor's own client what another client then reads: write.py KIND

KIND: gcp-secret, gcp-parameter, azure-secret, azure-setting.
Each line of standard input is JSON. The first says where and as whom: address, token, and for Azure ca (PEM).
Each other line is one entry, as the function of its kind says; for each, one line of JSON says what it became.
"""

import json
import sys
import tempfile


def writer(kind, service, folder):
    """What writes one entry. Only the client that is needed is loaded, which takes a second each."""
    vendor, _, thing = kind.partition("-")
    if vendor == "gcp":
        import write_gcp

        return write_gcp.writer(thing, service["address"], service["token"])
    if vendor == "azure":
        import write_azure
        from lib import file_with

        ca = file_with(folder, service["ca"], "ca.pem")
        return write_azure.writer(thing, service["address"], service["token"], ca)
    raise SystemExit(f"{kind} is no kind")


def main():
    with tempfile.TemporaryDirectory() as folder:
        write = writer(sys.argv[1], json.loads(sys.stdin.readline()), folder)
        for line in sys.stdin:
            print(json.dumps(write(**json.loads(line))), flush=True)


main()
