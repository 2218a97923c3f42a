/** lmdb as its own documentation opens it, without what the embedded stores add. */

import { type Database, open, type RootDatabase } from "lmdb";

const binary = { encoding: "binary", keyEncoding: "binary" } as const;

export interface BareLmdb {
  readonly environment: RootDatabase<Buffer, Buffer>;
  database(name: string): Database<Buffer, Buffer>;
}

export function openBareLmdb(directory: string): BareLmdb {
  const environment = open<Buffer, Buffer>({ path: directory, ...binary, maxDbs: 16 });
  return { environment, database: (name) => environment.openDB<Buffer, Buffer>(name, binary) };
}
