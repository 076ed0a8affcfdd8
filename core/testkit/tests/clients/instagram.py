"""Calls the fake Instagram with python-facebook-api, a client of Graph's. Prints one JSON object.

It sends forms whose fields hold JSON, and the token among them, as most clients of Graph do."""

import json
import sys
import urllib.request

from pyfacebook import BasicDisplayAPI, GraphAPI
from pyfacebook.exceptions import FacebookError

asked = json.load(sys.stdin)
base_url, token = asked["base_url"] + "/", asked["token"]
found = {}


def behave(**behaviour):
    """Tells the fake how to misbehave."""
    body, header = json.dumps(behaviour).encode(), {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(base_url + "__fake/behaviour", body, header))


def client(**options):
    return GraphAPI(**{"access_token": token, "base_url": base_url, "version": "v23.0", **options})


def send(api, to, **more):
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in more.items()}
    return api.post_object("me", "messages", data={"recipient": json.dumps({"id": to}), **fields})


def refusal(call):
    """Graph's code and subcode of a refusal."""
    try:
        call()
    except FacebookError as error:
        return [error.code, getattr(error, "error_subcode", None)]
    return None


api = client(app_secret=asked["app_secret"])
found["me"] = api.get_object("me", fields="user_id,username")["username"]
found["person"] = api.get_object("7001", fields="name,username")["username"]
replies = [{"content_type": "text", "title": "Yes", "payload": "yes"}]
found["sent"] = [
    send(api, "7001", message={"text": "hello"})["recipient_id"],
    send(api, "7001", message={"text": "Which?", "quick_replies": replies})["recipient_id"],
]
found["typing"] = send(api, "7001", sender_action="typing_on")
found["subscribed"] = api.post_object("me", "subscribed_apps", data={"subscribed_fields": "messages"})

found["refusals"] = [
    refusal(lambda: send(api, "7001", message={"text": "x" * 1001})),
    refusal(lambda: send(api, "7001", message={})),
    refusal(lambda: send(api, "7002", message={"text": "nobody wrote from there"})),
    refusal(lambda: send(api, "@ada", message={"text": "hello"})),
    refusal(lambda: client(access_token="wrong").get_object("me")),
    refusal(lambda: client(app_secret="wrong").get_object("me")),
    refusal(lambda: api.get_object("17849999999999999")),
]
behave(next=["throttle"])
found["throttled"] = refusal(lambda: send(api, "7001", message={"text": "later"}))
found["after"] = send(api, "7001", message={"text": "later"})["recipient_id"]

renewed = BasicDisplayAPI(access_token=token, base_url=base_url, version="v23.0").refresh_access_token(token)
found["renewed"] = [renewed["token_type"], renewed["expires_in"]]
found["old_token"] = refusal(lambda: client().get_object("me"))
found["new_token"] = client(access_token=renewed["access_token"]).get_object("me")["username"]
print(json.dumps(found))
