/** The queue store: reach, version, permissions, schema, clock. Nothing is migrated here. */

import { existsSync } from "node:fs";
import type { Client } from "pg";
import { environmentDamage } from "../adapters/lmdb/meta-pages.js";
import { loadOptionalPackage } from "../adapters/optional-package.js";
import { openEmbeddedQueueStore } from "../adapters/queues/embedded.js";
import { toQueueStoreError } from "../adapters/queues/postgres-failure.js";
import { SCHEMA_VERSION } from "../adapters/queues/postgres-schema.js";
import { locationOf, type PostgresConfig, type QueueStoreConfig } from "../store-config.js";
import { judgeSkew } from "./clock-skew.js";
import { checkDirectory } from "./data-directory.js";
import type { DoctorDependencies } from "./dependencies.js";
import { type Finding, isUsable, messageOf, note, off, ok, wrong } from "./finding.js";

const TIMEOUT_MS = 5_000;
/** `FOR UPDATE SKIP LOCKED` came with 9.5. */
const SERVER_VERSION_MIN = 90_500;

export async function checkQueueStore(
  config: QueueStoreConfig,
  dependencies: DoctorDependencies,
): Promise<Finding[]> {
  if (config.kind === "off") return [off(config.detail)];
  if (config.kind === "postgresql") return checkPostgres(config, dependencies);
  const { directory } = config;
  const findings = await checkDirectory(directory);
  if (!isUsable(findings) || !existsSync(directory)) return findings;
  const damage = environmentDamage(directory);
  if (damage !== undefined) return [wrong(`${damage}; restore ${directory} from a backup`)];
  const store = openEmbeddedQueueStore({ directory, clock: dependencies.clock });
  try {
    const name = `doctor-${dependencies.newId()}`;
    await store.create(name, new Uint8Array());
    await store.purge(name);
    return [...findings, ok("a queue can be made and removed")];
  } finally {
    await store.close();
  }
}

async function checkPostgres(
  config: PostgresConfig,
  { clock, packages }: DoctorDependencies,
): Promise<Finding[]> {
  const loaded = await loadOptionalPackage({
    name: "pg",
    versions: "8",
    neededBy: "DATABASE_URL",
    load: packages.pg ?? (() => import("pg")),
  });
  const { Client } = loaded.default ?? loaded;
  const client = new Client({
    connectionString: config.url,
    application_name: "hevlayer-gateway doctor",
    connectionTimeoutMillis: TIMEOUT_MS,
    statement_timeout: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const asked = clock.now();
    const server = await readServer(client);
    const skew = judgeSkew(server.now, (asked + clock.now()) / 2);
    const tables = server.migrated ? await checkTables(client) : checkSchema(server);
    return [...checkServer(server, config), skew, ...tables];
  } catch (error) {
    const advice = "check DATABASE_URL, and that PostgreSQL runs and lets this host and user in";
    return [
      wrong(`${locationOf(config)}: ${messageOf(toQueueStoreError(error, "check", false))}; ${advice}`),
    ];
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Server {
  readonly version: number;
  readonly version_text: string;
  /** Epoch-ms. */
  readonly now: number;
  readonly user_name: string;
  readonly schema: string | null;
  readonly may_create: boolean | null;
  readonly max_connections: number;
  readonly read_only: boolean;
  readonly migrated: boolean;
}

async function readServer(client: Client): Promise<Server> {
  const { rows } = await client.query<Server>(`
    select current_setting('server_version_num')::int as version,
      current_setting('server_version') as version_text,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      current_user::text as user_name,
      current_schema()::text as schema,
      has_schema_privilege(current_schema(), 'create') as may_create,
      current_setting('max_connections')::int as max_connections,
      pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool as read_only,
      to_regclass('layer_queue_migrations') is not null as migrated`);
  const [server] = rows;
  if (server === undefined) throw new Error("PostgreSQL answered without a row");
  return server;
}

function checkServer(server: Server, config: PostgresConfig): Finding[] {
  const name = `PostgreSQL ${server.version_text} at ${locationOf(config)}`;
  if (server.version < SERVER_VERSION_MIN)
    return [wrong(`${name} is too old for FOR UPDATE SKIP LOCKED; use 9.5 or newer`)];
  if (server.read_only)
    return [wrong(`${name} takes no writes (a standby, or read-only by default); name the primary`)];
  const pools = config.dataConnections + config.controlConnections;
  return [
    ok(`${name} answers`),
    ...(pools * 2 > server.max_connections
      ? [
          note(
            `each gateway may take ${pools} of its ${server.max_connections} connections; raise max_connections or lower LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS before there are two`,
          ),
        ]
      : []),
  ];
}

function checkSchema({ schema, may_create: mayCreate, user_name: user }: Server): Finding[] {
  if (schema === null)
    return [wrong(`user ${user} has no schema to make tables in; set its search_path to one that exists`)];
  return mayCreate
    ? [ok(`user ${user} may make the tables in schema ${schema}; the first start will`)]
    : [wrong(`user ${user} may not make tables; run: grant create on schema ${schema} to ${user}`)];
}

async function checkTables(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ version: number; lacking: string | null }>(`
    select (select coalesce(max(version), 0)::int from layer_queue_migrations) as version,
      (select string_agg(privilege || ' on ' || tab, ', ')
        from unnest(array['layer_queues', 'layer_queue_items', 'layer_queue_dropped']) as tab,
          unnest(array['select', 'insert', 'update', 'delete']) as privilege
        where to_regclass(tab) is null or not has_table_privilege(tab, privilege)) as lacking`);
  const { version = 0, lacking = null } = rows[0] ?? {};
  if (lacking !== null) return [wrong(`the user of DATABASE_URL lacks ${lacking}; grant it`)];
  const tables = `its tables are at step ${version} of ${SCHEMA_VERSION}`;
  if (version > SCHEMA_VERSION) return [note(`${tables}: a newer gateway was here`)];
  return [ok(version < SCHEMA_VERSION ? `${tables}; the next start brings them up to date` : tables)];
}
