// Reads server-sent events (HTML, section 9.2.6) as far as GraphQL uses them: a name and one line or more of data.

export type ServerSentEvent = { event: string; data: string };

export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder();
  let text = '';
  let event = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n');
    text = lines.pop()!;
    for (const line of lines.map((one) => one.replace(/\r$/, ''))) {
      if (line === '') {
        if (event !== '' || data.length > 0) yield { event: event || 'message', data: data.join('\n') };
        event = '';
        data = [];
        continue;
      }
      // A line that begins with a colon is a comment.
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (name === 'event') event = value;
      if (name === 'data') data.push(value);
    }
  }
}
