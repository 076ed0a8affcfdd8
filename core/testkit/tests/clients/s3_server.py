"""A server that speaks S3 and was written by others, with one bucket, and one key that may use it.

Prints one line of JSON once it serves, and ends when its input does.
"""

import json
import os
import sys
import threading

# So many calls are not asked for a signature: those below that make the key.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"


def client(service):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


iam = client("iam")
iam.create_user(UserName="files")
key = iam.create_access_key(UserName="files")["AccessKey"]
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="files", PolicyName="files", PolicyDocument=json.dumps(allow))
client("s3").create_bucket(Bucket="files")
print(
    json.dumps({"endpoint": endpoint, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}),
    flush=True,
)
sys.stdin.read()
threading.Thread(target=server.stop, daemon=True).start()
