// Reads what is sent to a collector, as the protocol's own files describe it, in JSON and in protobuf.
//
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto

export type SeenSpan = {
  traceId: string;
  spanId: string;
  /** Null: it has none. */
  parentSpanId: string | null;
  name: string;
  kind: number;
  startMs: number;
  endMs: number;
  attributes: Record<string, unknown>;
  /** 0 unset, 1 ok, 2 error. */
  status: number;
  statusMessage: string;
  /** Of the process. */
  resource: Record<string, unknown>;
};

type JsonValue = {
  stringValue?: string;
  intValue?: string | number;
  boolValue?: boolean;
  arrayValue?: { values: JsonValue[] };
};
type JsonPair = { key: string; value: JsonValue };
type JsonSpan = Pick<SeenSpan, 'traceId' | 'spanId' | 'name' | 'kind'> & {
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: JsonPair[];
  status?: { code?: number; message?: string };
};
type JsonRequest = {
  resourceSpans: { resource: { attributes: JsonPair[] }; scopeSpans: { spans: JsonSpan[] }[] }[];
};

export function spansInJson(body: string): SeenSpan[] {
  const { resourceSpans } = JSON.parse(body) as JsonRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map(
        ({
          traceId,
          spanId,
          parentSpanId,
          name,
          kind,
          startTimeUnixNano,
          endTimeUnixNano,
          attributes = [],
          status,
        }) => ({
          ...{ traceId, spanId, name, kind, parentSpanId: parentSpanId ?? null },
          startMs: inMs(startTimeUnixNano),
          endMs: inMs(endTimeUnixNano),
          attributes: ofJson(attributes),
          status: status?.code ?? 0,
          statusMessage: status?.message ?? '',
          resource: ofJson(resource.attributes),
        }),
      ),
  );
}

function ofJson(pairs: readonly JsonPair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: JsonValue): unknown {
  if (value.arrayValue) return value.arrayValue.values.map(valueOf);
  return value.intValue === undefined ? (value.stringValue ?? value.boolValue) : Number(value.intValue);
}

export function spansInProtobuf(body: Buffer): SeenSpan[] {
  return messages(body, 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => {
      const [status] = messages(span, 15);
      return {
        traceId: messages(span, 1)[0]!.toString('hex'),
        spanId: messages(span, 2)[0]!.toString('hex'),
        parentSpanId: messages(span, 4)[0]?.toString('hex') ?? null,
        name: messages(span, 5)[0]!.toString(),
        kind: numbers(span, 6)[0] ?? 0,
        startMs: inMs(numbers(span, 7)[0]!),
        endMs: inMs(numbers(span, 8)[0]!),
        attributes: ofProtobuf(messages(span, 9)),
        status: (status && numbers(status, 3)[0]) ?? 0,
        statusMessage: (status && messages(status, 2)[0]?.toString()) ?? '',
        resource: ofProtobuf(messages(resource!, 1)),
      };
    });
  });
}

function ofProtobuf(pairs: readonly Buffer[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map((pair) => [messages(pair, 1)[0]!.toString(), anyValue(messages(pair, 2)[0]!)]));
}

function anyValue(value: Buffer): unknown {
  const [field] = fieldsOf(value);
  if (field?.number === 1) return (field.value as Buffer).toString();
  if (field?.number === 2) return field.value === 1;
  if (field?.number === 5) return messages(field.value as Buffer, 1).map(anyValue);
  return field?.value;
}

type Field = { number: number; value: number | Buffer };

/** https://protobuf.dev/programming-guides/encoding/ */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === 0) {
      fields.push({ number, value: varint() });
    } else {
      const length = kind === 2 ? varint() : kind === 1 ? 8 : 4;
      const bytes = message.subarray(at, at + length);
      fields.push({
        number,
        value: kind === 2 ? bytes : kind === 1 ? Number(bytes.readBigUInt64LE()) : bytes.readUInt32LE(),
      });
      at += length;
    }
  }
  return fields;
}

function messages(message: Buffer, number: number): Buffer[] {
  return fieldsOf(message).flatMap((field) => (field.number === number ? [field.value as Buffer] : []));
}

function numbers(message: Buffer, number: number): number[] {
  return fieldsOf(message).flatMap((field) => (field.number === number ? [field.value as number] : []));
}

/** To the microsecond: as a double, the nanoseconds since 1970 are some 200 wrong. */
function inMs(nanoseconds: string | number): number {
  return Math.round(Number(nanoseconds) / 1e3) / 1e3;
}
