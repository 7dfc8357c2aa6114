"""What the image is tried against: two stores behind TLS, and a name server.

Both stores are moto with the same content. The certificate of the first is from an authority that
only a file names, that of the second from one that is in the system's bundle. Prints one line of
JSON when all answer, and ends when its standard input ends.
"""

import datetime
import json
import pathlib
import secrets
import socket
import ssl
import struct
import sys
import threading

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

NAME_SERVER = "127.0.53.53"
BY_FILE, BY_DNS = "store-a.jasm.test", "store-b.jasm.test"


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, public, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    builder = builder.public_key(public).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=5))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    is_authority = subject == issuer
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(key, hashes.SHA256())


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def authority_and_server(host, folder):
    """Writes ca.pem and server.pem (certificate and key) for the host into the folder."""
    folder.mkdir(mode=0o700)
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = f"authority of {host}"
    (folder / "ca.pem").write_bytes(pem(certificate(issuer, issuer, authority.public_key(), authority)))
    key = server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem(certificate(host, issuer, server.public_key(), authority)) + key)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def serve(app, context):
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def answer(query):
    """RFC 1035, 4.1: 127.0.0.1 for the type A of the one name, no such name for all others."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    question = query[12 : at + 5]
    kind = struct.unpack("!H", query[at + 1 : at + 3])[0]
    known = ".".join(labels) == BY_DNS
    found = known and kind == 1
    flags = 0x8180 if known else 0x8183
    header = query[:2] + struct.pack("!HHHHH", flags, 1, int(found), 0, 0)
    # A pointer to the name in the question; type A, class IN, 0 s, four octets.
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton("127.0.0.1")
    return header + question + (record if found else b"")


def name_server():
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((NAME_SERVER, 53))

    def run():
        while True:
            query, client = listener.recvfrom(512)
            try:
                listener.sendto(answer(query), client)
            except (IndexError, struct.error):
                pass  # It is no query.

    threading.Thread(target=run, daemon=True).start()


def main():
    folder = pathlib.Path(sys.argv[1])
    name_server()
    app = DomainDispatcherApplication(create_backend_app)
    ports = {}
    for host in (BY_FILE, BY_DNS):
        authority_and_server(host, folder / host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / host / "server.pem")
        ports[host] = serve(app, context)
    expected = {"PASSWORD": secrets.token_urlsafe(12), "TOKEN": secrets.token_urlsafe(12)}
    plain = {
        "endpoint_url": f"http://127.0.0.1:{serve(app, None)}",
        "region_name": "eu-west-1",
        "aws_access_key_id": "AKIDTEST",
        "aws_secret_access_key": "not-a-secret-key",
    }
    boto3.client("secretsmanager", **plain).create_secret(
        Name="/image/db", SecretString=json.dumps({"PASSWORD": expected["PASSWORD"]})
    )
    boto3.client("ssm", **plain).put_parameter(Name="/image/token", Value=expected["TOKEN"], Type="SecureString")
    (folder / "expected.json").write_text(json.dumps(expected))
    print(json.dumps({"file_port": ports[BY_FILE], "dns_port": ports[BY_DNS]}), flush=True)
    sys.stdin.read()


main()
