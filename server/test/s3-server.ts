/**
 * The S3-compatible servers of the storage tests: the one named by `LAYER_TEST_S3_ENDPOINT` (with `AWS_ACCESS_KEY_ID` and
 * `AWS_SECRET_ACCESS_KEY`), else moto, and versitygw where its binary is found.
 */

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { motoCredentials, startMoto } from "./moto-server.js";
import type { S3Server } from "./running-s3.js";
import { findVersitygw, startVersitygw } from "./versitygw-server.js";

/** A server the tests can run against, or why not. */
export interface S3ServerKind {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly reason?: string;
  /** False: it takes any credentials. */
  readonly checksSignatures: boolean;
  /** @param bucket made if need be before this resolves */
  start(bucket: string): Promise<S3Server>;
}

/** From the least to the most strict. */
export function s3ServerKinds(): readonly S3ServerKind[] {
  const endpoint = process.env.LAYER_TEST_S3_ENDPOINT;
  if (endpoint)
    return [
      {
        name: `the S3-compatible server at ${endpoint}`,
        checksSignatures: true,
        start: (bucket) => useServer(endpoint, bucket),
      },
    ];
  const versitygw = findVersitygw();
  const isMissing = "reason" in versitygw;
  return [
    {
      name: "moto",
      checksSignatures: false,
      start: async (bucket) => ({ ...(await startMoto(bucket)), credentials: motoCredentials }),
    },
    {
      name: "versitygw",
      checksSignatures: true,
      ...(isMissing ? { reason: versitygw.reason } : {}),
      start: async (bucket) => {
        if (isMissing) throw new Error(versitygw.reason);
        return startVersitygw(versitygw.program, bucket);
      },
    },
  ];
}

/** The strictest server that can be had here. */
export async function startS3(bucket: string): Promise<S3Server> {
  const kind = s3ServerKinds().findLast((each) => each.reason === undefined);
  if (kind === undefined) throw new Error("there is no S3-compatible server to test with");
  return kind.start(bucket);
}

/** A server that is not ours to stop. */
async function useServer(endpoint: string, bucket: string): Promise<S3Server> {
  const { hostname, port } = new URL(endpoint);
  if (hostname !== "127.0.0.1" || port === "")
    throw new Error(
      `LAYER_TEST_S3_ENDPOINT=${endpoint} must be http://127.0.0.1:PORT, which the fault proxy can reach`,
    );
  const credentials = {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? "",
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? "",
  };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: Error) => {
    if (!/BucketAlready(OwnedByYou|Exists)/.test(error.name)) throw error;
  });
  client.destroy();
  return { port: Number(port), endpoint, credentials, stop: () => undefined };
}
