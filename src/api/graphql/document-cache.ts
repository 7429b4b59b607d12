// Keeps the queries that were parsed last, so that a program's few queries are parsed and validated once.

import type { DocumentNode } from 'graphql';

/** Longer ones are made up by hand or by a stranger. */
const longestQuery = 4_096;
/** Of all of them together: what is parsed of them takes some 250 bytes a character, and strangers' are kept too. */
const mostCharacters = 64 * 1024;

export type DocumentCache = {
  get(query: string): DocumentNode | undefined;
  set(query: string, document: DocumentNode): void;
};

/** The query that was not asked for longest goes first. */
export function createDocumentCache(): DocumentCache {
  const documents = new Map<string, DocumentNode>();
  let characters = 0;
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
      if (query.length > longestQuery) return;
      if (!documents.has(query)) characters += query.length;
      documents.set(query, document);
      for (const oldest of documents.keys()) {
        if (characters <= mostCharacters) return;
        documents.delete(oldest);
        characters -= oldest.length;
      }
    },
  };
}
