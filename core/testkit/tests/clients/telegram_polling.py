"""A bot written with python-telegram-bot that fetches its updates from the fake. Prints one JSON object."""

import asyncio
import json
import sys

from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import Conflict
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

from fake import tell

asked = json.load(sys.stdin)
base_url = asked["base_url"]
found = {"heard": []}
heard = asyncio.Queue()


async def message(update, _):
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes")]])
    await update.message.reply_text(f"you said {update.message.text}", reply_markup=keyboard)
    await heard.put(["message", update.message.text])


async def tapped(update, _):
    await update.callback_query.answer()
    await heard.put(["tap", update.callback_query.data])


async def hear():
    found["heard"].append(await asyncio.wait_for(heard.get(), 60))


async def main():
    application = Application.builder().token(asked["token"]).base_url(base_url + "/bot").build()
    application.add_handler(MessageHandler(filters.TEXT, message))
    application.add_handler(CallbackQueryHandler(tapped))
    async with application:
        # While a webhook is set nothing can be fetched.
        await application.bot.set_webhook("http://127.0.0.1:9/hooks/x", secret_token="abc")
        try:
            await application.bot.get_updates()
        except Conflict as error:
            found["conflict"] = error.message
        await application.bot.delete_webhook()
        # What came before the bot was there is waiting for it.
        tell(base_url, "say", **{"from": "42", "text": "early"})
        found["waiting"] = (await application.bot.get_webhook_info()).pending_update_count
        await application.start()
        await application.updater.start_polling(timeout=5)
        await hear()
        tell(base_url, "say", **{"from": "42", "text": "hello"})
        await hear()
        tell(base_url, "tap", **{"from": "42", "payload": "yes"})
        await hear()
        await application.updater.stop()
        await application.stop()
        # Stopping confirmed everything.
        found["left"] = (await application.bot.get_webhook_info()).pending_update_count


asyncio.run(main())
print(json.dumps(found))
