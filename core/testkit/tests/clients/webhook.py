"""Verifies a webhook as others do: with the reference library of Standard Webhooks."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

asked = json.load(sys.stdin)
webhook = Webhook(asked["secret"])
found = {"payload": webhook.verify(asked["body"].encode(), asked["headers"])}
try:
    webhook.verify((asked["body"] + " ").encode(), asked["headers"])
    found["refused"] = False
except WebhookVerificationError:
    found["refused"] = True
print(json.dumps(found))
