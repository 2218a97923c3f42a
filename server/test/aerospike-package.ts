/**
 * Stands where the package `aerospike` would be, in processes of the tests: a cluster in memory that answers while the file
 * named by `LAYER_TEST_AEROSPIKE_UP` exists.
 */

import { existsSync } from "node:fs";
import { AerospikeDouble } from "./aerospike-double.js";

const cluster = new AerospikeDouble(Date.now);
Object.defineProperty(cluster, "isUp", { get: () => existsSync(process.env.LAYER_TEST_AEROSPIKE_UP ?? "") });

export default cluster.module();
