// Caches parsed queries, so that a program's few queries are parsed and validated once.

import type { DocumentNode } from 'graphql';

/** Longer queries are written by hand or by a stranger. */
const longestQuery = 4_096;
/** Of all queries together: a parsed query takes some 250 bytes a character, and strangers' queries are kept too. */
const mostCharacters = 64 * 1024;

export type DocumentCache = {
  get(query: string): DocumentNode | undefined;
  set(query: string, document: DocumentNode): void;
};

/** The query used least recently is dropped first. */
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
