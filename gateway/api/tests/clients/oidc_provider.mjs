// An identity provider that others wrote (npm oidc-provider), for tests. It signs in whoever the login hint names,
// without asking. Reads its settings from the standard input, prints its issuer, and ends with its input.
//   GET /test/rotate        new keys, the old ones gone
//   GET /test/as?sub=…&claims=…   what is said of the next person
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const [packages] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${packages}/node_modules/oidc-provider/lib/index.js`));

const lines = [];
for await (const line of (await import('node:readline')).createInterface({ input: process.stdin })) {
  lines.push(line);
  break;
}
const settings = JSON.parse(lines[0]);

let person = { sub: 'ada', claims: {} };
let handler;
let issuer;

function make() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' };
  const provider = new Provider(issuer, {
    clients: [{
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: [settings.redirect_uri],
      post_logout_redirect_uris: [settings.back],
      response_types: ['code'],
    }],
    jwks: { keys: [key] },
    cookies: { keys: ['a key for tests'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_, interaction) => `/test/interaction/${interaction.uid}` },
    ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...person.claims }) }),
  });
  const callback = provider.callback();
  handler = async (request, response) => {
    if (request.url.startsWith('/test/interaction/')) {
      await provider.interactionFinished(request, response, { login: { accountId: person.sub } });
    } else {
      callback(request, response);
    }
  };
}

const server = createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/test/rotate') {
    make();
    response.end();
  } else if (url.pathname === '/test/as') {
    person = { sub: url.searchParams.get('sub'), claims: JSON.parse(url.searchParams.get('claims')) };
    response.end();
  } else {
    Promise.resolve(handler(request, response)).catch((error) => response.writeHead(500).end(String(error)));
  }
});
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  make();
  console.log(issuer);
});
process.stdin.on('close', () => process.exit(0));
