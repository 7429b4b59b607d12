// Reads a stream of server-sent events, as GraphQL over SSE sends them in its distinct connections mode.

export type ServerSentEvent = { event: string; data: string };

/** Takes the stream's text piece by piece, wherever it was cut; each call answers with the events that are whole by then. */
export function createEventReader(): (piece: string) => ServerSentEvent[] {
  let rest = '';
  return (piece) => {
    rest += piece;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => eventOf(block));
  };
}

function eventOf(block: string): ServerSentEvent[] {
  const lines = block.split(/\r?\n/);
  const valuesOf = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  const [event = 'message'] = valuesOf('event');
  const data = valuesOf('data').join('\n');
  return event === 'message' && data === '' ? [] : [{ event, data }];
}
