// A certified OpenID provider for the demo of savings analysis and for tests, on a port of its own. Says
// its issuer on standard error. Whoever it knows logs in with any password.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// The folder that the modules lie in, where browsers come back to, and who there is:
// {"client": "us", "domain": "school.test", "people": {"alice": ["a group"]}}.
const [folder, redirect, known] = process.argv.slice(2);
const { client, domain, people } = JSON.parse(known);
const require = createRequire(path.join(folder, 'package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client,
        client_secret: process.env.PROVIDER_CLIENT_SECRET,
        redirect_uris: [redirect],
        post_logout_redirect_uris: [new URL('/', redirect).href],
      },
    ],
    claims: { openid: ['sub'], profile: ['groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_, sub) =>
      Object.hasOwn(people, sub)
        ? {
            accountId: sub,
            claims: () => ({
              sub,
              groups: people[sub],
              email: `${sub}@${domain}`,
              email_verified: true,
            }),
          }
        : undefined,
    cookies: { keys: [process.env.PROVIDER_CLIENT_SECRET] },
  });
  server.on('request', provider.callback());
  console.error(`issuer ${issuer}`);
});
