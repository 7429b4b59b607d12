// The page on which a local provider asks who somebody is: one form, no script, no outside asset.

export type LoginPage = {
  title: string;
  /** Where the form is posted to, with the field `login`, or `deny` when the person goes back. */
  action: string;
  /** A button each, which posts their `login`; without any, it can be typed in. */
  people?: readonly { login: string; name: string; email: string }[];
};

/** Headers for the page. The form leads to other hosts, so there is no form-action rule. */
export const loginPageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
};

export function loginPage({ title, action, people = [] }: LoginPage): string {
  const choices = people.map(
    ({ login, name, email }) =>
      `<button name="login" value="${escape(login)}"><b>${escape(name)}</b><br>${escape(email)}</button>`,
  );
  const typing =
    '<label>Login <input name="login" autocomplete="off" required autofocus></label>\n<button>Sign in</button>';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>
body { font: 1rem/1.4 system-ui, sans-serif; max-width: 22rem; margin: 4rem auto; padding: 0 1rem; color-scheme: light dark }
button, input { box-sizing: border-box; width: 100%; margin-bottom: 0.6rem; padding: 0.6rem; font: inherit }
</style>
<h1>${escape(title)}</h1>
<form method="post" action="${escape(action)}">
${choices.length > 0 ? choices.join('\n') : typing}
<button name="deny" value="yes" formnovalidate>Go back</button>
</form>
</html>
`;
}

/** Where the page's form is posted to, as written; null without a form. */
export function formAction(page: string): string | null {
  const action = /<form method="post" action="([^"]*)">/.exec(page)?.[1];
  return action === undefined ? null : unescape(action);
}

/** What the page's form brings back without a person's doing. */
export function hiddenFields(page: string): Record<string, string> {
  const fields = page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, unescape(value)]));
}

function unescape(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
