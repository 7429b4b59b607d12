import { expect, test } from 'vitest';
import { askingProvider } from '../../../src/users/providers/provider-http.ts';
import { openScriptedReceiver } from '../../support/receiver/receiver.ts';
import type { Step } from '../../support/receiver/script.ts';

const answer = (body: string, headers = '') =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';

async function ask(steps: Step[]): Promise<Response> {
  await using provider = await openScriptedReceiver({ script: { when: 'request', everywhere: true, steps } });
  return await askingProvider({ id: 'google', url: provider.url })(provider.url, {
    method: 'POST',
    headers: {},
    body: 'code=1',
  });
}

test.each<[string, Step[]]>([
  ['a 100', [{ write: goOn + answer('{"a":1}') }]],
  ['a 100 twice, in packets of their own', [{ write: goOn }, { write: goOn }, { write: answer('{"a":1}') }]],
  ['a 103 and a 100', [{ write: `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${goOn}${answer('{"a":1}')}` }]],
  ['40 KiB of headers', [{ write: answer('{"a":1}', `x-long: ${'v'.repeat(40_960)}\r\n`) }]],
])('a provider may send %s before its answer', async (_, steps) => {
  expect(await (await ask(steps)).json()).toEqual({ a: 1 });
});

test('a provider whose JSON is not UTF-8 is not understood', async () => {
  await expect(ask([{ write: answer('{"name":"Zo\u00eb"}') }])).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('no JSON') as unknown,
  });
});
