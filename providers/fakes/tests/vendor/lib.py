"""What the judges have in common: the program with the fakes, an issuer of tokens, assertions."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://kubernetes.default.svc"


class Fakes:
    """The program; it ends with its standard input."""

    def __init__(self, program, *arguments):
        self._folder = tempfile.TemporaryDirectory()
        self.ca = os.path.join(self._folder.name, "ca.pem")
        self._process = subprocess.Popen(
            [program, "--ca", self.ca, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        assert line, "the fakes did not start"
        self.at = json.loads(line)

    def do(self, what, **more):
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, f"{what}: {answer['error']}"
        return answer

    def seen(self, server):
        return self.do("seen", server=server)["seen"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)
        self._folder.cleanup()


class Issuer:
    """Signs ServiceAccount tokens as a cluster with an RSA key does."""

    def __init__(self, issuer=ISSUER, key_id="judge"):
        self.issuer, self._id = issuer, key_id
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwks(self):
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        # A cluster's has no more than this.
        key = {name: key[name] for name in ("kty", "n", "e")}
        return {"keys": [{**key, "kid": self._id, "alg": "RS256", "use": "sig"}]}

    def token(self, namespace, account, audience, seconds=600):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "aud": [audience],
            "iat": now,
            "nbf": now + min(seconds, 0),
            "exp": now + seconds,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._id})


def same(found, expected, what):
    """Values are not printed."""
    assert found == expected, f"{what} is not what it should be"


@contextlib.contextmanager
def refused(kind, *words):
    """The block raises `kind`, whose text has all of the words."""
    try:
        yield
    except kind as error:
        for word in words:
            assert word in str(error), f"{word} is not in: {error}"
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def file_with(folder, text, name="token"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def run(judges):
    """Each one by itself, so that one that fails hides no other."""
    failed = 0
    for judge in judges:
        try:
            judge()
            print(f"ok {judge.__name__}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED {judge.__name__}: {type(error).__name__}: {error}", flush=True)
    raise SystemExit(1 if failed else 0)
