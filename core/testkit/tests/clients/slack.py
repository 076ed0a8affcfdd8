"""Calls the fake Slack with Slack's own client, and checks its signatures. Prints one JSON object."""

import json
import sys
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ImageBlock,
    Option,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.signature import SignatureVerifier

asked = json.load(sys.stdin)
base_url, token = asked["base_url"], asked["token"]
client = WebClient(token=token, base_url=base_url + "/")
found = {}


def refusal(call):
    """The error code that a call is refused with."""
    try:
        call()
    except SlackApiError as error:
        return error.response["error"]
    return None


found["team"] = client.auth_test()["team_id"]
found["opened"] = client.conversations_open(users="U0ADA")["channel"]["id"]
found["user"] = client.users_info(user="U0ADA")["user"]["id"]

first = client.chat_postMessage(channel="U0ADA", text="hello")
found["channel"] = first["channel"]
options = [Option(label=f"Option {number}", value=f"id{number}") for number in range(3)]
blocks = [
    SectionBlock(text="Which?"),
    ActionsBlock(elements=[ButtonElement(text="Yes", action_id="yes", value="yes")]),
    ActionsBlock(elements=[StaticSelectElement(placeholder="Choose", action_id="pick", options=options)]),
    ImageBlock(image_url="https://cdn.example/cat.png", alt_text="A cat"),
]
client.chat_postMessage(channel="C0SHOP", text="Which?", blocks=blocks, thread_ts=first["ts"])
client.chat_update(channel=first["channel"], ts=first["ts"], text="changed")
client.reactions_add(channel=first["channel"], timestamp=first["ts"], name="eyes")
client.reactions_remove(channel=first["channel"], timestamp=first["ts"], name="eyes")
second = client.chat_postMessage(channel="U0ADA", text="to be deleted")
client.chat_delete(channel=second["channel"], ts=second["ts"])
client.chat_postEphemeral(channel="C0SHOP", user="U0ADA", text="psst")

shared = client.files_upload_v2(channel=found["opened"], filename="a.txt", content="a file", initial_comment="here")
found["shared"] = shared["ok"]
found["not_shared"] = refusal(lambda: client.files_upload_v2(channel="U0ADA", filename="a.txt", content="a file"))

found["refusals"] = [
    refusal(lambda: client.chat_postMessage(channel="nowhere", text="x")),
    refusal(lambda: client.chat_postMessage(channel="C0SHOP", text="")),
    refusal(lambda: client.chat_postMessage(channel="C0SHOP", text="x" * 5000)),
    refusal(lambda: client.chat_update(channel="C0SHOP", ts="1.000000", text="x")),
    refusal(lambda: WebClient(token="xoxb-other", base_url=base_url + "/").auth_test()),
]

# The client waits as long as it is told and comes again.
behaviour = json.dumps({"next": ["throttle"], "retry_after_s": 1}).encode()
fake = base_url.removesuffix("/api")
header = {"content-type": "application/json"}
urllib.request.urlopen(urllib.request.Request(fake + "/__fake/behaviour", behaviour, header))
patient = WebClient(
    token=token, base_url=base_url + "/", retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)]
)
found["after_throttle"] = patient.chat_postMessage(channel="U0ADA", text="after a while")["ok"]

signed = asked["signed"]
verifier = SignatureVerifier(asked["signing_secret"])
found["verified"] = verifier.is_valid(signed["body"], signed["timestamp"], signed["signature"])
found["signature"] = verifier.generate_signature(timestamp="1700000000", body="payload=%7B%22a%22%3A1%7D")
print(json.dumps(found))
