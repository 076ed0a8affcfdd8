"""An identity provider that others wrote (PyPI pysaml2), for tests. It signs in whoever was named last, without asking.

Reads its settings from the standard input, prints its address, and ends with its input.
  GET /certificate                 what it signs with
  GET /test/trust?metadata=…       the document of the service that it answers to
  GET /test/as?user=…              what is said of the next person: {"id", "email", "name"}
  GET /test/with?options=…         how the next answers differ
  GET /slo                         answers a request to sign out that the browser brings
  GET /test/out?name=…&session=…   where a browser is sent to be signed out by us
  GET /sso                         answers with the fields of the form that a browser would post, as JSON
"""

import base64
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_REDIRECT, entity
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import SecurityContext, pre_encryption_part
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

json.loads(sys.stdin.readline())
folder = tempfile.mkdtemp(prefix="saml-")


def keys(name):
    key, cert = (os.path.join(folder, f"{name}.{end}") for end in ("key", "pem"))
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"]
    subprocess.run([*asked, "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    return key, cert


own, strange = keys("them"), keys("strangers")
state = {"user": {}, "options": {}, "metadata": ""}


def server(options):
    key, cert = strange if options.get("stranger") else own
    lifetime = {"minutes": options.get("minutes", 5)}
    policy = {"default": {"lifetime": lifetime, "attribute_restrictions": None, "name_form": NAME_FORMAT_URI}}
    idp = {
        "endpoints": {
            "single_sign_on_service": [(f"{address}/sso", BINDING_HTTP_REDIRECT)],
            "single_logout_service": [(f"{address}/slo", BINDING_HTTP_REDIRECT)],
        },
        "want_authn_requests_signed": options.get("want_signed", False),
        "policy": policy,
    }
    settings = {
        "entityid": options.get("issuer", "urn:them"),
        "service": {"idp": idp},
        "key_file": key,
        "cert_file": cert,
        "xmlsec_binary": shutil.which("xmlsec1"),
        "metadata": {"inline": [state["metadata"]]},
    }
    return Server(config=IdPConfig().load(settings))


def signed(query):
    """What came along with a message in an address."""
    names = {"relay_state": "RelayState", "sigalg": "SigAlg", "signature": "Signature"}
    return {name: query[key][0] for name, key in names.items() if key in query}


def location(idp, message, to, relay_state="", response=False):
    info = idp.apply_binding(
        BINDING_HTTP_REDIRECT, str(message), to, relay_state, response=response, sign=True, sigalg=SIG_RSA_SHA256
    )
    return dict(info["headers"])["Location"].encode()


def sign_out(query):
    """Where a browser is sent to be signed out by us."""
    options = state["options"]
    idp = server({**options, "stranger": False})
    service = next(iter(idp.metadata.with_descriptor("spsso")))
    to = idp.metadata.single_logout_service(service, BINDING_HTTP_REDIRECT, "spsso")[0]["location"]
    name = NameID(format=NAMEID_FORMAT_PERSISTENT, text=query["name"][0])
    _, message = server(options).create_logout_request(
        options.get("destination", to), service, name_id=name, session_indexes=query.get("session"), sign=False
    )
    return location(server(options), message, to, "state")


def signed_out(query):
    """The answer to a request that the browser brought; its signature is asked for."""
    idp = server({**state["options"], "want_signed": True})
    request = idp.parse_logout_request(query["SAMLRequest"][0], BINDING_HTTP_REDIRECT, **signed(query))
    state["out"] = request.message.name_id.text
    message = idp.create_logout_response(request.message, [BINDING_HTTP_REDIRECT], sign=False)
    to = idp.response_args(request.message, [BINDING_HTTP_REDIRECT])["destination"]
    return location(idp, message, to, query.get("RelayState", [""])[0], response=True)


def with_gcm(certificate):
    """Encrypts with what is safe; this library's own choice is Triple DES."""
    gcm = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
    entity.pre_encryption_part = functools.partial(pre_encryption_part, msg_enc=gcm)
    plain = SecurityContext.encrypt_assertion
    if not isinstance(plain, functools.partialmethod):
        SecurityContext.encrypt_assertion = functools.partialmethod(plain, key_type="aes-256")
    return {"encrypt_assertion": True, "encrypt_cert_assertion": certificate}


def answer(query):
    options, user = state["options"], state["user"]
    idp = server(options)
    question = idp.parse_authn_request(query["SAMLRequest"][0], BINDING_HTTP_REDIRECT, **signed(query)).message
    arguments = idp.response_args(question)
    to = arguments["destination"]
    for name in ("in_response_to", "sp_entity_id", "destination"):
        arguments[name] = options.get(name, arguments[name])
    arguments.pop("binding", None)
    arguments["name_id"] = NameID(format=NAMEID_FORMAT_PERSISTENT, text=user["id"])
    arguments.pop("name_id_policy", None)
    if options.get("encrypted"):
        with open(own[1], encoding="ascii") as file:
            arguments |= {"encrypt_assertion": True, "encrypt_cert_assertion": file.read()}
    if "gcm" in options:
        arguments |= with_gcm(options["gcm"])
    response = idp.create_authn_response(
        {"mail": [user["email"]], "displayName": [user["name"]]},
        userid=user["id"],
        authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": "urn:them"},
        sign_response=options.get("sign_response", False),
        sign_assertion=options.get("sign_assertion", True),
        sign_alg=options.get("sign_alg", SIG_RSA_SHA256),
        digest_alg=options.get("digest_alg", DIGEST_SHA256),
        **arguments,
    )
    return {"to": to, "SAMLResponse": base64.b64encode(str(response).encode()).decode()}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query, body = parse_qs(url.query), b""
        if url.path == "/certificate":
            with open(own[1], "rb") as file:
                body = file.read()
        elif url.path == "/test/trust":
            state["metadata"] = json.loads(query["metadata"][0])
        elif url.path == "/test/as":
            state["user"] = json.loads(query["user"][0])
        elif url.path == "/test/with":
            state["options"] = json.loads(query["options"][0])
        elif url.path == "/test/out":
            body = sign_out(query)
        elif url.path == "/slo":
            self.send_response(302)
            self.send_header("location", signed_out(query).decode())
            self.send_header("content-length", "0")
            self.end_headers()
            return
        else:
            body = json.dumps(answer(query)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
address = f"http://127.0.0.1:{http.server_port}"
threading.Thread(target=http.serve_forever, daemon=True).start()
print(address, flush=True)
sys.stdin.read()
