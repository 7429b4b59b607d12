// Keeps the queries that were parsed last, so that a program's few queries are parsed and validated once.

import type { DocumentNode } from 'graphql';

const mostQueries = 200;
/** Longer ones are made up by hand or by a stranger, and a thousand of them would fill the memory. */
const mostCharacters = 4_096;

export type DocumentCache = {
  get(query: string): DocumentNode | undefined;
  set(query: string, document: DocumentNode): void;
};

/** The query that was not asked for longest goes first. */
export function createDocumentCache(): DocumentCache {
  const documents = new Map<string, DocumentNode>();
  return {
    get(query) {
      const document = documents.get(query);
      if (document) {
        documents.delete(query);
        documents.set(query, document);
      }
      return document;
    },
    set(query, document) {
      if (query.length > mostCharacters) return;
      documents.set(query, document);
      if (documents.size > mostQueries) documents.delete(documents.keys().next().value!);
    },
  };
}
