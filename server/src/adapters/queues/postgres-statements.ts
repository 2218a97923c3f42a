/**
 * The statements of the PostgreSQL queue. Times come from the server's clock alone: `statement_timestamp()`, which unlike
 * `clock_timestamp()` can be looked up in an index and unlike `now()` does not stand still while a transaction waits.
 */

export interface ItemRow {
  readonly id: string;
  readonly stage: string;
  /** bigint, as text. */
  readonly place: string;
  readonly claims: number;
  readonly worker: string | null;
  readonly reason: string | null;
}

/** A LIKE pattern for texts that begin with `prefix`. */
export function startingWith(prefix: string): string {
  return `${prefix.replace(/[\\%_]/g, "\\$&")}%`;
}

export const createQueue =
  "insert into layer_queues (name, settings) values ($1, $2) on conflict (name) do nothing";
export const describeQueue = "select name, settings from layer_queues where name = $1";
export const listQueues = "select name, settings from layer_queues order by name";
export const dropQueue = `
  with dropped as (delete from layer_queues where name = $1 returning incarnation)
  insert into layer_queue_dropped (incarnation) select incarnation from dropped`;

/** Keeps a purge waiting until the transaction ends, but not other calls. */
export const pinQueue = "select incarnation from layer_queues where name = $1 for key share";

export const sweepItems = `
  delete from layer_queue_items where ctid = any(array(
    select i.ctid from layer_queue_items i join layer_queue_dropped d on i.queue = d.incarnation limit $1))`;
/** Only once no call that pinned a dropped queue can still add to it: their transactions were over before the drop was. */
export const sweepQueues = `
  delete from layer_queue_dropped d
  where not exists (select from layer_queue_items i where i.queue = d.incarnation)`;

/** Returns items whose lease is over to where they were claimed. Those another transaction holds are being decided there. */
export const endLeases = `
  update layer_queue_items set
    stage = lease_from, worker = null, lease_ms = null, lease_from = null, lease_until = null
  where queue = $1 and id = any(array(
    select id from layer_queue_items
    where queue = $1 and lease_until <= statement_timestamp()
    order by lease_until limit $2 for update skip locked))`;

const clean =
  "claims = 0, reason = null, worker = null, lease_ms = null, lease_from = null, lease_until = null";

/** Rows are written in the order of their ids everywhere, so that calls on the same ids queue up instead of deadlocking. */
const placed = `
  with placed as materialized (
    select id, nextval('layer_queue_place') as place
    from (select id from unnest($2::text[]) with ordinality as listed (id, number) order by number) as ordered
  )`;

export const enqueue = `${placed}
  insert into layer_queue_items (queue, id, stage, place)
  select $1::bigint, id, $3, place from placed order by id collate "C"
  on conflict (queue, id) do update set stage = excluded.stage, place = excluded.place, ${clean}
  returning id, place`;

/** The rows come in no order. `any(array(…))` keeps the plan on the primary key, however wrong the table's statistics are. */
export const claim = `
  update layer_queue_items set
    stage = $4, claims = claims + 1, reason = null,
    worker = $5, lease_ms = $6, lease_from = $2,
    lease_until = statement_timestamp() + $6::double precision * interval '1 millisecond'
  where queue = $1 and id = any(array(
    select id from layer_queue_items
    where queue = $1 and stage = $2 and ($7 = '%' or id like $7)
    order by place limit $3 for update skip locked))
  returning id, stage, place, claims, worker, reason`;

/** A statement of its own, so that the one after it sees what was waited for. */
export const lockItems =
  "select from layer_queue_items where queue = $1 and id = any($2) order by id for update";

export const heartbeat = `
  update layer_queue_items set lease_until = statement_timestamp() + lease_ms * interval '1 millisecond'
  where queue = $1 and id = any($2) and worker = $3 and stage = $4 and lease_until > statement_timestamp()`;

const ended = "worker = null, lease_ms = null, lease_from = null, lease_until = null";

export const move = `
  update layer_queue_items set stage = $3, reason = $4, ${ended}
  where queue = $1 and id = any($2)
    and ($5::text is null or stage = $5)
    and ($6::text is null or (worker = $6 and lease_until > statement_timestamp()))
    and ($7::bigint is null or place = $7)
  returning id`;

export const moveOrCreate = `${placed}
  insert into layer_queue_items (queue, id, stage, place, reason)
  select $1::bigint, id, $3, place, $4 from placed order by id collate "C"
  on conflict (queue, id) do update set stage = excluded.stage, reason = excluded.reason, ${ended}
  returning id`;

export const getItems = `
  select id, stage, place, claims, worker, reason from layer_queue_items where queue = $1 and id = any($2)`;

export const countItems = `
  select stage, reason, count(*) as count, count(lease_until) as leased
  from layer_queue_items where queue = $1 group by stage, reason`;
