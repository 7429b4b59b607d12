// Prints the GraphQL schema that the code makes: `node schema/print-graphql-schema.ts >schema/schema.graphql`.

import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from '../src/api/graphql/schema.ts';

process.stdout.write(`${printSchema(lexicographicSortSchema(schema))}\n`);
