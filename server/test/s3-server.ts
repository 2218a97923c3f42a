/**
 * The S3-compatible server of the storage tests: the one named by `LAYER_TEST_S3_ENDPOINT` (with `AWS_ACCESS_KEY_ID` and
 * `AWS_SECRET_ACCESS_KEY`), else moto.
 */

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { motoCredentials, startMoto } from "./moto-server.js";

export interface S3Server {
  readonly port: number;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): void;
}

/** @param bucket made if need be before this resolves */
export async function startS3(bucket: string): Promise<S3Server> {
  const endpoint = process.env.LAYER_TEST_S3_ENDPOINT;
  if (!endpoint) return { ...(await startMoto(bucket)), credentials: motoCredentials };
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
