/** A started S3-compatible server, of whichever kind. */

export interface S3Server {
  readonly port: number;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): void;
}
