"""What schemathesis sends beside what it makes up."""

import os
import uuid

import schemathesis

# How a message is framed is told by the client's own HTTP library. A made-up value ends the connection before anybody
# reads what was asked.
FRAMING = {"content-length", "transfer-encoding", "connection", "upgrade", "expect", "host", "te", "trailer"}

# What the caller is. Whoever ends its own token or membership makes all that follows a refusal, so another id is asked for.
SPARED = {spared for spared in os.environ.get("BOTBUILDER_SCHEMATHESIS_SPARED", "").split(",") if spared}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    for name, value in (case.path_parameters or {}).items():
        if str(value).lower() in SPARED:
            case.path_parameters[name] = str(uuid.uuid4())
    if case.headers:
        for name in [name for name in case.headers if name.lower() in FRAMING]:
            del case.headers[name]
