// A certified OpenID provider for the tests, on a port of its own. Says its issuer on standard error.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// The modules lie in the build folder, not beside this file.
const [folder, redirect, secret] = process.argv.slice(2);
const require = createRequire(path.join(folder, 'package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'us',
        client_secret: secret,
        redirect_uris: [redirect],
        post_logout_redirect_uris: [new URL('/', redirect).href],
      },
    ],
    claims: { openid: ['sub'], profile: ['groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({
        sub,
        groups: ['g-sales'],
        email: `${sub}@school.test`,
        email_verified: true,
      }),
    }),
    cookies: { keys: ['a key of a test'] },
  });
  server.on('request', provider.callback());
  console.error(`issuer ${issuer}`);
});
