// A GraphQL document that knows the shape of its variables and of its answer.

export type Doc<Data, Variables = Record<string, never>> = string & {
  readonly answers?: (data: Data) => void;
  readonly takes?: (variables: Variables) => void;
};

/** The shapes are written by hand; a test checks each document against the API's schema. */
export function doc<Data, Variables = Record<string, never>>(text: string): Doc<Data, Variables> {
  return text;
}
