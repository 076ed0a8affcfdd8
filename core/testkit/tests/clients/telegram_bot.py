"""Calls the fake Telegram with python-telegram-bot, and reads its updates with it. Prints one JSON object."""

import asyncio
import json
import sys
import urllib.request

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import TelegramError

asked = json.load(sys.stdin)
base_url, token = asked["base_url"], asked["token"]
found = {}


def behave(**behaviour):
    """Tells the fake how to misbehave."""
    body, header = json.dumps(behaviour).encode(), {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(base_url + "/__fake/behaviour", body, header))


async def refusal(call):
    """The kind of error that a call is refused with."""
    try:
        await call
    except TelegramError as error:
        return type(error).__name__
    return None


async def main():
    async with Bot(token, base_url=base_url + "/bot") as bot:
        found["me"] = (await bot.get_me()).username
        await bot.set_webhook("http://127.0.0.1:9/hooks/x", secret_token="abc", allowed_updates=["message"])
        found["webhook"] = (await bot.get_webhook_info()).url

        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes")]])
        sent = [
            await bot.send_message(42, "hello"),
            await bot.send_message(42, "Which?", reply_markup=keyboard),
        ]
        found["sent"] = [message.text for message in sent]
        await bot.send_photo(42, "https://cdn.example/cat.png", caption="A cat")
        await bot.send_location(42, latitude=52.5, longitude=13.4)
        await bot.send_chat_action(42, "typing")
        await bot.answer_callback_query("4382bfdwdsb323b2d9")

        long_data = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="x" * 65)]])
        found["refusals"] = [
            await refusal(bot.send_message(42, "x" * 4097)),
            await refusal(bot.send_message(42, " ")),
            await refusal(bot.send_message(42, "Which?", reply_markup=long_data)),
        ]
        behave(unreachable=["43"])
        found["refusals"].append(await refusal(bot.send_message(43, "hello")))
        behave(next=["throttle"], retry_after_s=3)
        found["refusals"].append(await refusal(bot.send_message(42, "hello")))

        said, tapped = (Update.de_json(update, bot) for update in asked["updates"])
        found["heard"] = [said.message.text, tapped.callback_query.data]

    found["wrong_token"] = await refusal(Bot("7000000001:other", base_url=base_url + "/bot").initialize())


asyncio.run(main())
print(json.dumps(found))
