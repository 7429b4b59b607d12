// One page of a list, as the API makes them.

export type PageInfo = {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
};

export type Page<Node> = { nodes: Node[]; pageInfo: PageInfo };

/** From which side of which row: without any, the newest. */
export type PageOf = { first?: number; after?: string; last?: number; before?: string };

export const pageInfo = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
export const pageVariables = '$first: Int, $after: String, $last: Int, $before: String';
export const pageArguments = 'first: $first, after: $after, last: $last, before: $before';
