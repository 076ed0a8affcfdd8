"""An app written with Slack's own framework, called by the fake: by HTTP, then over sockets. Prints one JSON object."""

import json
import sys
import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_bolt.app.app import SlackAppDevelopmentServer
from slack_sdk import WebClient

from fake import Heard, tell

asked = json.load(sys.stdin)
base_url, fake = asked["base_url"], asked["base_url"].removesuffix("/api")


def make(heard):
    """The app. It answers where the person wrote."""
    client = WebClient(token=asked["token"], base_url=base_url + "/")
    app = App(client=client, signing_secret=asked["signing_secret"], process_before_response=True)

    @app.message("hello")
    def hello(message, say):
        say(f"hello <@{message['user']}>")
        heard.note("message", message["text"], message["channel"])

    @app.event("app_mention")
    def mentioned(event, say):
        say("you called?", thread_ts=event["ts"])
        heard.note("mention", event["channel"])

    @app.event("message")
    def anything(event):
        """Other messages are not this app's."""

    @app.command("/order")
    def order(ack, command):
        ack()
        heard.note("command", command["text"], command["user_id"])

    @app.action("choice_0")
    def chosen(ack, action, body):
        ack()
        heard.note("action", action["value"], body["user"]["id"])

    return app


def converse(heard):
    """What people do, and what the app hears of it."""
    tell(fake, "say", **{"from": "U0ADA", "text": "hello"})
    story = [heard.next()]
    tell(fake, "command", **{"from": "U0ADA", "command": "/order", "text": "1002"})
    story.append(heard.next())
    tell(fake, "tap", **{"from": "U0ADA", "payload": "yes", "title": "Yes"})
    story.append(heard.next())
    tell(fake, "mention", **{"from": "U0ADA", "channel": "C0SHOP", "text": "are you there?"})
    story.append(heard.next())
    return story


found = {}

heard = Heard()
server = SlackAppDevelopmentServer(
    port=0, path="/slack/events", app=make(heard), http_server_logger_enabled=False
)
threading.Thread(target=server._server.serve_forever, daemon=True).start()
tell(fake, "webhook", url=f"http://127.0.0.1:{server._server.server_address[1]}/slack/events")
found["http"] = converse(heard)
server._server.shutdown()

heard = Heard()
handler = SocketModeHandler(make(heard), asked["app_token"])
handler.connect()
found["socket"] = converse(heard)
# The socket is replaced while the app goes on.
tell(fake, "disconnect", reason="refresh_requested")
found["after_refresh"] = converse(heard)
handler.close()
print(json.dumps(found))
