/** What failures of the S3 client mean to the blob store. Messages name the bucket and key, never endpoint or credentials. */

import { BlobStoreError } from "../../ports/blob-store.js";

/** What is read of an error of the SDK; it has no common type for those of services, sockets and credential chains. */
interface S3Failure {
  readonly name: string;
  readonly code: string;
  readonly status: number | undefined;
  /** Requests sent for the call, 1 without a retry. */
  readonly attempts: number;
}

export function readFailure(error: unknown): S3Failure {
  const fields = (typeof error === "object" && error !== null ? error : {}) as {
    name?: unknown;
    Code?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: number; attempts?: number };
  };
  return {
    name: typeof fields.name === "string" ? fields.name : "",
    code: String(fields.Code ?? fields.code ?? ""),
    status: fields.$metadata?.httpStatusCode,
    attempts: fields.$metadata?.attempts ?? 1,
  };
}

/** True when the server refused a conditional write: the condition failed (412, 404), or another writer is at work (409). */
export function isConflict(failure: S3Failure): boolean {
  if (failure.name === "NoSuchBucket") return false;
  return failure.status === 412 || failure.status === 409 || isMissing(failure);
}

/** True when there is no such key. A 404 in which S3 names no error is another server's. */
export function isMissing({ name, code, status }: S3Failure): boolean {
  return name === "NoSuchKey" || (status === 404 && code !== "" && name !== "NoSuchBucket");
}

/** Somebody answered who does not speak S3. @param status HTTP status of the answer */
export function foreignAnswer(
  what: string,
  status: number,
  options: { cause?: unknown; outcomeUnknown?: boolean },
): BlobStoreError {
  return new BlobStoreError(
    "unavailable",
    `${what}: what answers (${status}) does not speak as S3 does; see what S3_ENDPOINT leads to`,
    options,
  );
}

const DENIED =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|CredentialsProviderError|AllAccessDisabled|AccountProblem|Forbidden)$/;

/**
 * @param what operation and key, for the message
 * @param effect `write` when the request may have changed something
 */
export function toBlobStoreError(
  error: unknown,
  what: string,
  bucket: string,
  effect: "read" | "write",
): BlobStoreError {
  if (error instanceof BlobStoreError) return error;
  const failure = readFailure(error);
  // A refusal is a word on the last request only; one before it may have been applied unheard.
  const refused =
    failure.status !== undefined && failure.status >= 400 && failure.status < 500 && failure.attempts === 1;
  const options = {
    cause: error,
    outcomeUnknown: effect === "write" && !refused && failure.name !== "CredentialsProviderError",
  };
  if (failure.name === "RequestTimeTooSkewed")
    return new BlobStoreError(
      "denied",
      `${what}: the clock of this machine differs too much from the store's; set it by NTP`,
      options,
    );
  if (failure.name === "NoSuchBucket")
    return new BlobStoreError(
      "misconfigured",
      `${what}: bucket ${bucket} does not exist; create it or set S3_BUCKET`,
      options,
    );
  if (
    failure.name === "PermanentRedirect" ||
    failure.name === "AuthorizationHeaderMalformed" ||
    failure.status === 301
  )
    return new BlobStoreError(
      "misconfigured",
      `${what}: bucket ${bucket} is in another region; set S3_REGION`,
      options,
    );
  if (failure.status === 501 || failure.name === "NotImplemented")
    return new BlobStoreError(
      "misconfigured",
      `${what}: the object store does not implement the request`,
      options,
    );
  if (DENIED.test(failure.name) || failure.status === 401 || failure.status === 403)
    return new BlobStoreError(
      "denied",
      `${what}: bucket ${bucket} refused the credentials (${failure.name || failure.status})`,
      options,
    );
  // The SDK calls a reset connection a timeout too; its code tells them apart.
  if (failure.name === "TimeoutError" && !/^(ECONNRESET|EPIPE)$/.test(failure.code))
    return new BlobStoreError("timeout", `${what}: the object store did not answer in time`, options);
  if (failure.status !== undefined && failure.code === "" && failure.name === "Error")
    return foreignAnswer(what, failure.status, options);
  const detail = failure.code || failure.name || "no answer";
  return new BlobStoreError("unavailable", `${what}: the object store is not reachable (${detail})`, options);
}
