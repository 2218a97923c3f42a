/**
 * Where the servers of `compose.yaml` listen and who may use them, as the storage suites read it from the environment. A test
 * holds the two against each other.
 */

/** @type {Readonly<Record<string, string>>} */
export const storeServers = {
  AEROSPIKE_HOSTS: "127.0.0.1:3000",
  AEROSPIKE_NAMESPACE: "hevlayer",
  LAYER_TEST_S3_ENDPOINT: "http://127.0.0.1:7070",
  AWS_ACCESS_KEY_ID: "layer",
  AWS_SECRET_ACCESS_KEY: "layer-on-loopback",
  LAYER_TEST_DATABASE_URL: "postgres://layer:layer-on-loopback@127.0.0.1:5433/layer",
};
