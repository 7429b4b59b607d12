// What a rewind and a replay need: where a line begins, which item a row belongs to, and indexes for both.

import { Migration } from '@mikro-orm/migrations';

export class RewindAndReplay extends Migration {
  override up(): void {
    this.addSql('alter table webhook_cursors add column since bigint not null default 0');
    this.addSql('alter table webhook_deliveries add column side_item_id uuid');
    this.addSql('create index on webhook_side_items (endpoint_id, id)');

    // Everything that is read above a cursor is of its generation; after a rewind the rows of older ones lie there, too.
    this.addSql('create index on webhook_deliveries (endpoint_id, generation, position)');
    this.addSql('drop index webhook_deliveries_endpoint_id_position_idx');
  }
}
