// An identity provider that others wrote (npm samlp), for tests. It signs in whoever was named last, without asking.
// Reads its settings from the standard input, prints its address, and ends with its input.
//   GET /certificate                 what it signs with
//   GET /test/as?user=…              what is said of the next person: {"id", "emails", …}
//   GET /test/with?options=…         other options of samlp for the next answers
//   GET /test/participant?value=…    a service with a session, to be signed out: {"serviceProviderId", "nameId", …}
//   GET /slo                         single log-out, begun here or by a message that the browser brings
//   GET /sso                         answers with the fields of the form that a browser would post, as JSON
import { createServer } from 'node:http';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [packages] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const samlp = require('samlp');
const SessionParticipants = require('samlp/lib/sessionParticipants');
const first = new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve));
JSON.parse(await first);

function keys() {
  const folder = mkdtempSync(join(tmpdir(), 'saml-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const asked = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=them', '-keyout', key, '-out', cert];
  execFileSync('openssl', asked, { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

const own = keys();
const strange = keys();
let user = {};
let options = {};

// Those who are signed in, and what waits for answers about signing out.
const participants = new SessionParticipants([]);
const states = new Map();
const store = {
  save(_request, state, done) {
    const id = randomUUID();
    states.set(id, state);
    done(null, id);
  },
  load(_request, id, ...rest) {
    const done = rest.pop();
    const state = states.get(id);
    if (rest[0]?.destroy) {
      states.delete(id);
    }
    done(null, state);
  },
  update(_request, id, state, done) {
    states.set(id, state);
    done(null, id);
  },
};

function logOut(request, response) {
  const query = Object.fromEntries(new URL(request.url, 'http://127.0.0.1').searchParams);
  const asked = { method: 'GET', url: request.url, headers: request.headers, query, body: {} };
  const answered = Object.assign(response, {
    redirect: (to) => response.writeHead(302, { location: to }).end(),
    send: (body) => response.writeHead(200).end(String(body)),
  });
  const log = samlp.logout({
    issuer: options.issuer ?? 'urn:them',
    ...(options.stranger ? strange : own),
    deflate: true,
    protocolBinding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    sessionParticipants: participants,
    store,
  });
  log(asked, answered, (error) => response.writeHead(500).end(String(error)));
}

function answer(request, response) {
  const { stranger, ...others } = options;
  const query = Object.fromEntries(new URL(request.url, 'http://127.0.0.1').searchParams);
  const asked = { method: 'GET', url: request.url, headers: request.headers, query };
  const failed = (error) => response.writeHead(500).end(String(error));
  samlp.parseRequest(asked, (error, question) => {
    if (error) {
      failed(error);
      return;
    }
    const to = question.assertionConsumerServiceURL;
    const auth = samlp.auth({
      issuer: 'urn:them',
      ...(stranger ? strange : own),
      getPostURL: (_audience, _dom, _request, done) => done(null, to),
      getUserFromRequest: () => user,
      responseHandler: (token) => {
        response.end(JSON.stringify({ to, SAMLResponse: token.toString('base64') }));
      },
      recipient: to,
      destination: to,
      lifetimeInSeconds: 300,
      ...others,
    });
    auth(asked, response, failed);
  });
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  if (url.pathname === '/certificate') {
    response.end(own.cert);
  } else if (url.pathname === '/test/as') {
    user = JSON.parse(url.searchParams.get('user'));
    response.end();
  } else if (url.pathname === '/test/with') {
    options = JSON.parse(url.searchParams.get('options'));
    response.end();
  } else if (url.pathname === '/test/participant') {
    const participant = JSON.parse(url.searchParams.get('value'));
    participants._participants = [{ binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', ...participant }];
    response.end();
  } else if (url.pathname === '/test/participants') {
    response.end(JSON.stringify(participants._participants.length));
  } else if (url.pathname === '/slo') {
    logOut(request, response);
  } else {
    answer(request, response);
  }
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on('close', () => process.exit(0));
