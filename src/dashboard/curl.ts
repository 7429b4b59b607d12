// Writes an attempt's request as a command for a shell.

export type CurlRequest = { url: string; headers: readonly { name: string; value: string }[]; body: string };

/** curl makes these itself. */
const ownHeaders = new Set(['content-length', 'host', 'connection', 'transfer-encoding']);

/** Every byte of the body as it was sent; what the API redacts stays redacted. */
export function curlOf({ url, headers, body }: CurlRequest): string {
  const given = headers
    .filter(({ name }) => !ownHeaders.has(name.toLowerCase()))
    .map(({ name, value }) => `-H ${quoted(value === '' ? `${name};` : `${name}: ${value}`)}`);
  return ['curl -X POST --globoff', ...given, `--data-raw ${quoted(body)}`, quoted(url)].join(' \\\n  ');
}

/** In a shell nothing but the quote itself means anything between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
