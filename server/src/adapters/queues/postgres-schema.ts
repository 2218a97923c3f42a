/**
 * The tables of the queue in PostgreSQL, as numbered steps applied once each. A step that has been released is never edited;
 * a change is a new step that the version before can live with, since replicas are upgraded one by one.
 */

import type { ClientBase } from "pg";

/** Held while steps are applied, so that replicas that start together take turns. Any number nobody else uses. */
const ADVISORY_LOCK = 7_105_918_402;

const steps: readonly string[] = [
  `
  create sequence layer_queue_place;
  create table layer_queues (
    name text collate "C" primary key,
    incarnation bigint not null default nextval('layer_queue_place') unique,
    settings bytea not null
  );
  create table layer_queue_items (
    queue bigint not null,
    id text collate "C" not null,
    stage text collate "C" not null,
    place bigint not null,
    claims integer not null default 0,
    reason text,
    worker text,
    lease_ms double precision,
    lease_from text,
    lease_until timestamptz,
    primary key (queue, id)
  );
  create index layer_queue_items_order on layer_queue_items (queue, stage, place);
  create index layer_queue_items_names on layer_queue_items (queue, stage, id);
  create index layer_queue_items_leases on layer_queue_items (queue, lease_until) where lease_until is not null;
  create table layer_queue_dropped (incarnation bigint primary key);
  `,
];

/** The newest step; a database that has more was migrated by a later gateway. */
export const SCHEMA_VERSION = steps.length;

/**
 * Applies the steps that are missing, in one transaction.
 * @param client a connection of its own, outside any transaction
 */
export async function migrate(client: ClientBase): Promise<void> {
  await client.query("begin");
  try {
    await client.query("select pg_advisory_xact_lock($1)", [ADVISORY_LOCK]);
    await client.query(
      "create table if not exists layer_queue_migrations (version integer primary key, applied_at timestamptz not null default now())",
    );
    const { rows } = await client.query<{ version: number }>(
      "select coalesce(max(version), 0) as version from layer_queue_migrations",
    );
    const present = rows[0]?.version ?? 0;
    for (const [index, step] of steps.entries()) {
      if (index < present) continue;
      await client.query(step);
      await client.query("insert into layer_queue_migrations (version) values ($1)", [index + 1]);
    }
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
