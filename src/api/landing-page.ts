// The page at `/`: where to go from here.

/** Plain HTML without script or style, so that it works under the strictest policy. */
export function landingPage(version: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tidings</title>
<h1>Tidings ${version}</h1>
<p>Webhooks that arrive in order, signed, and never get lost.</p>
<ul>
<li><a href="/graphiql">GraphiQL</a>: the API, with prepared operations
<li><code>/graphql</code>: the API for programs
<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a>: for supervisors
</ul>
</html>
`;
}
