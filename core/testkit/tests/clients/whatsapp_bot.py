"""A bot written with pywa: calls the fake WhatsApp, and is called by it. Prints one JSON object."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from pywa import WhatsApp
from pywa.errors import WhatsAppError
from pywa.types import Button, Section, SectionList, SectionRow
from pywa.types.templates import (
    BodyText,
    Buttons,
    FooterText,
    QuickReplyButton,
    Template,
    TemplateCategory,
    TemplateLanguage,
    URLButton,
)

from fake import Heard, tell

asked = json.load(sys.stdin)
fake, person = asked["base_url"], asked["person"]
session = httpx.Client()
bot = WhatsApp(
    phone_id=asked["phone_number_id"],
    token=asked["token"],
    app_secret=asked["app_secret"],
    waba_id=asked["waba_id"],
    session=session,
)
session.base_url = f"{fake}/v26.0"
heard, found = Heard(), {}


@bot.on_message
def written(_, message):
    heard.note("message", message.text, message.from_user.wa_id, message.from_user.bsuid)


@bot.on_callback_button
def chosen(_, button):
    heard.note("button", button.data, button.from_user.wa_id)


@bot.on_message_status
def reported(_, status):
    heard.note("status", status.status.value, status.id)


@bot.on_template_status_update
def reviewed(_, update):
    heard.note("template", update.template_name, update.new_status.value)


class Hook(BaseHTTPRequestHandler):
    """Hands what the fake sends to the bot, which proves the signature itself."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        refused = bot.webhook_update_validator(body, self.headers.get("X-Hub-Signature-256"))
        _, status = refused or bot.webhook_update_handler(body)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        """Nothing is logged."""


def refusal(call):
    """Graph's code of a call that is refused."""
    try:
        call()
    except WhatsAppError as error:
        return error.code
    return None


def talk():
    """What the bot sends; the fake has no address to report to yet."""
    found["sent"] = [
        bot.send_message(person, "hello").id,
        bot.send_message(person, "Which?", buttons=[Button("Yes", "yes"), Button("No", "no")]).id,
        bot.send_message(
            person,
            "Choose",
            buttons=SectionList("Open", [Section("All", [SectionRow("One", "1"), SectionRow("Two", "2")])]),
        ).id,
    ]
    picture = bot.upload_media(media=b"\x89PNG\r\n\x1a\n", mime_type="image/png", filename="a.png")
    bot.send_image(person, picture, caption="A picture")
    bot.send_location(person, latitude=52.5, longitude=13.4, name="Here")
    found["to_user_id"] = bot.send_message(asked["user_id"], "by id").id
    buttons = [Button(str(number), str(number)) for number in range(4)]
    found["refusals"] = [
        refusal(lambda: bot.send_message(person, "x" * 4097)),
        refusal(lambda: bot.send_message(person, "Which?", buttons=buttons)),
    ]


def templates():
    """A template from its draft to its sending."""
    body = BodyText("Hello {{1}}, your order {{2}} is ready for you.", "Ada", "1002")
    template = Template(
        name="order_is_ready",
        language=TemplateLanguage.ENGLISH_US,
        category=TemplateCategory.UTILITY,
        components=[
            body,
            FooterText(text="The shop"),
            Buttons(
                buttons=[
                    QuickReplyButton(text="Thanks"),
                    URLButton(text="Track", url="https://shop.example/{{1}}", example="https://shop.example/1"),
                ]
            ),
        ],
    )
    created = bot.create_template(template)
    found["created"] = created.status.value
    params = [
        BodyText.params("Ada", "1002"),
        QuickReplyButton.params(callback_data="thanks", index=0),
        URLButton.params(url_variable="1002", index=1),
    ]

    def send(params):
        language = TemplateLanguage.ENGLISH_US
        return bot.send_template(person, name="order_is_ready", language=language, params=params)

    found["template_refusals"] = [refusal(lambda: send(params))]
    tell(fake, "template", name="order_is_ready", language="en_US", status="APPROVED")
    found["approved"] = heard.next()
    found["template_refusals"].append(refusal(lambda: send([BodyText.params("Ada")])))
    listed = [template.name for template in bot.get_templates(name="order_is_ready")]
    found["listed"] = listed
    tell(fake, "lapse", **{"from": person})
    found["outside"] = refusal(lambda: bot.send_message(person, "too late"))
    sent = send(params).id
    # The framework reads the first status of a notification, and the fake sends them together.
    status = heard.next()
    found["status"], found["of_template"] = status[1], status[2] == sent


talk()
hook = HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
tell(fake, "webhook", url=f"http://127.0.0.1:{hook.server_port}/")
tell(fake, "say", **{"from": person, "text": "hello"})
found["heard"] = [heard.next()]
tell(fake, "say", **{"from": person, "text": "who am I?", "without_number": True})
found["heard"].append(heard.next())
tell(fake, "tap", **{"from": person, "payload": "yes", "title": "Yes"})
found["heard"].append(heard.next())
templates()
print(json.dumps(found))
