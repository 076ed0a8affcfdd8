"""What schemathesis sends beside what it makes up."""

import schemathesis

# How a message is framed is told by the client's own HTTP library. A made-up value ends the connection before anybody
# reads what was asked.
FRAMING = {"content-length", "transfer-encoding", "connection", "upgrade", "expect", "host", "te", "trailer"}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.headers:
        for name in [name for name in case.headers if name.lower() in FRAMING]:
            del case.headers[name]
