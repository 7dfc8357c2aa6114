"""aws.py SERVICE OPERATION [--ARGUMENT [VALUE]]...: the few things of the AWS CLI that the stories use.

It stands in where the CLI is not installed. What the arguments mean is taken from the description of
the API that the CLI has too (botocore), so that both understand the same command lines. Endpoint and
region are those of JASM_E2E_AWS_ENDPOINT and JASM_E2E_REGION. It prints nothing of what is answered.
"""

import os
import pathlib
import sys

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError


def arguments(members, words):
    """The call's parameters: `--secret-id X` is SecretId of the API; file://PATH is what the file has."""
    names = {xform_name(name, "-"): name for name in members}
    result = {}
    while words:
        word = words.pop(0)
        name = names.get(word.removeprefix("--"))
        if name is None:
            sys.exit(f"aws.py: there is no argument {word}; there are {', '.join(sorted(names))}")
        if members[name].type_name == "boolean":
            result[name] = True
            continue
        if not words:
            sys.exit(f"aws.py: {word} needs a value")
        value = words.pop(0)
        result[name] = pathlib.Path(value[7:]).read_text() if value.startswith("file://") else value
    return result


def main():
    service, operation, *words = sys.argv[1:]
    client = boto3.client(
        service,
        endpoint_url=os.environ["JASM_E2E_AWS_ENDPOINT"],
        region_name=os.environ["JASM_E2E_REGION"],
    )
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    try:
        getattr(client, method)(**arguments(model.input_shape.members, words))
    except (BotoCoreError, ClientError) as error:
        # Its message would do, but may quote what was sent.
        sys.exit(f"aws.py: {service} {operation} failed: {type(error).__name__}")


main()
