"""holds.py KEY=FILE...: is the Secret or ConfigMap on standard input exactly this? Says keys, never values."""

import base64
import json
import pathlib
import sys

text = sys.stdin.read()
if not text:
    sys.exit("it is not there")
found = json.loads(text)
data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
if found["kind"] == "Secret":
    data = {key: base64.b64decode(value) for key, value in data.items()}
wanted = dict(argument.split("=", 1) for argument in sys.argv[1:])
if data.keys() != wanted.keys():
    sys.exit(f"it has the keys {sorted(data)}, and should have {sorted(wanted)}")
different = [key for key, file in wanted.items() if data[key] != pathlib.Path(file).read_bytes()]
if different:
    sys.exit(f"the values of these keys are not those of the store: {sorted(different)}")
