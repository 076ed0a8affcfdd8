"""What the clients share: calling the fake's own routes, and waiting for what a bot hears."""

import json
import queue
import urllib.request


class Heard:
    """What a bot heard, in order."""

    def __init__(self):
        self.queue = queue.Queue()

    def note(self, *what):
        """Called by a handler of the bot."""
        self.queue.put(list(what))

    def next(self):
        """The next thing that was heard; an error if nothing is for a minute."""
        return self.queue.get(timeout=60)


def tell(fake, route, **body):
    """Calls one of the routes below `/__fake/`."""
    request = urllib.request.Request(
        f"{fake}/__fake/{route}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
