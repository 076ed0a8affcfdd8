"""A bot written with pywa, on the fake WhatsApp. Prints one JSON object."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from pywa import WhatsApp, types
from pywa.errors import WhatsAppError

from fake import Heard, tell

asked = json.load(sys.stdin)
base_url = asked["base_url"]
heard, found = Heard(), {}
session = httpx.Client()
client = WhatsApp(
    asked["phone_number_id"],
    asked["token"],
    session=session,
    server=None,
    verify_token="for-tests",
    app_secret=asked["app_secret"],
    waba_id=asked["waba_id"],
)
# The library knows one address; the session is ours.
session.base_url = f"{base_url}/v26.0"


@client.on_message
def message(_, message):
    heard.note("message", message.text, message.from_user.name)


@client.on_callback_button
def button(_, tapped):
    heard.note("button", tapped.data, tapped.title)


@client.on_message_status
def status(_, status):
    heard.note("status", status.status.value, status.id)


class Hook(BaseHTTPRequestHandler):
    """Takes what the fake sends, as a server of one's own would."""

    def do_GET(self):
        query = httpx.URL(self.path).params
        text, code = client.webhook_challenge_handler(
            vt=query["hub.verify_token"], ch=query["hub.challenge"]
        )
        self.answer(code, text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        refused = client.webhook_update_validator(body, self.headers["x-hub-signature-256"])
        text, code = refused or client.webhook_update_handler(body)
        self.answer(code, text)

    def answer(self, code, text):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Nobody reads it."""


def refusal(call):
    """The code that a call is refused with."""
    try:
        call()
    except WhatsAppError as error:
        return error.error_code if hasattr(error, "error_code") else error.code
    return None


server = HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/"
# The address is tried with its challenge, as Meta does it.
path, headers = f"{base_url}/v26.0/{asked['waba_id']}/subscribed_apps", {"authorization": f"Bearer {asked['token']}"}
body = {"override_callback_uri": url, "verify_token": "for-tests"}
found["subscribed"] = httpx.post(path, headers=headers, json=body).json()
body["verify_token"] = "another"
found["not_subscribed"] = httpx.post(path, headers=headers, json=body).status_code

tell(base_url, "say", **{"from": "4915112345678", "text": "hello"})
found["heard"] = [heard.next()]
tell(base_url, "tap", **{"from": "4915112345678", "payload": "yes", "title": "Yes"})
found["heard"].append(heard.next())

sent = client.send_message("4915112345678", "hello")
told = [heard.next() for _ in range(3)]
found["statuses"] = [word for kind, word, id in told if kind == "status" and id == sent.id]
client.send_message(
    "4915112345678",
    "Which?",
    buttons=[types.Button("Yes", callback_data="yes"), types.Button("No", callback_data="no")],
)
client.send_image("4915112345678", image="https://cdn.example/cat.png", caption="A cat")
client.send_location("4915112345678", latitude=52.5, longitude=13.4, name="Here")

found["refusals"] = [
    refusal(lambda: client.send_message("4915112345678", "x" * 4097)),
    refusal(
        lambda: client.send_message(
            "4915112345678", "?", buttons=[types.Button(f"B{n}", callback_data=str(n)) for n in range(4)]
        )
    ),
]
tell(base_url, "behaviour", unreachable=["4915100000000"])
found["refusals"].append(refusal(lambda: client.send_message("4915100000000", "hello")))
print(json.dumps(found))
