// What is told of each attempt once its row is durable: a line of the log, the statistics, and how its endpoint does.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from '../telemetry/logger.ts';
import type { DeliveryRow } from './delivery-row.ts';
import { createOutcomes } from './outcomes.ts';
import { createStatistics } from './statistics.ts';

export type Attempts = AsyncDisposable & { recorded(row: DeliveryRow): void };

export function createAttempts({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'info' | 'warn'> }): Attempts {
  const statistics = createStatistics({ orm, log });
  const outcomes = createOutcomes({ orm, log });
  return {
    recorded(row) {
      statistics.count(row);
      outcomes.note(row);
      const { eventId, eventType, endpointId, attemptCount, httpStatus, latencyMs, errorMessage } = row;
      log[row.status === 'failed' ? 'warn' : 'info'](
        {
          event_id: eventId,
          event_type: eventType,
          endpoint_id: endpointId,
          position: row.position,
          attempt: attemptCount,
          status: row.status,
          http_status: httpStatus,
          latency_ms: latencyMs,
          error_message: errorMessage,
        },
        'attempt',
      );
    },
    async [Symbol.asyncDispose]() {
      await statistics[Symbol.asyncDispose]();
      await outcomes[Symbol.asyncDispose]();
    },
  };
}
