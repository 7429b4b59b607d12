// Builds the schema from its parts.

import type { GraphQLSchema } from 'graphql';
import { askAgainForEachField } from './asked-again.ts';
import { builder } from './builder.ts';
import { answerInPieces } from './in-pieces.ts';
import './attempt-details.ts';
import './line-orders.ts';
import './profile.ts';
import './reload.ts';
import './recorded-delivery.ts';
import './replay.ts';
import './rewind.ts';
import './service.ts';
import './service-configuration.ts';
import './sign-in.ts';
import './user.ts';
import './webhook-delivery.ts';
import './webhook-endpoint.ts';
import './webhook-event.ts';
import './webhook-outcome.ts';
import './webhook-stats.ts';

export const schema: GraphQLSchema = answerInPieces(askAgainForEachField(builder.toSchema()));
