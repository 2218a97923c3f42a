import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { startTestApp, type TestApp } from "../../test/recording-app.js";
import { createStoreKeyAuthenticator } from "./auth.js";

const LOCAL_KEY = "tpuf_local";
const authenticate = createStoreKeyAuthenticator(LOCAL_KEY, { isWellKnown: true });
const authorization = `Bearer ${LOCAL_KEY}`;

const foreign = [
  undefined,
  "",
  "evil.example",
  "evil.example:8080",
  "localhost.evil.example:8080",
  "127.0.0.1.evil.example",
  "10.0.0.1:8080",
  "0.0.0.0:8080",
  "[::2]:8080",
  "::1",
  "localhost:8080:8080",
];

describe("the well-known key", () => {
  it.each(["localhost", "LocalHost:8080", "127.0.0.1:8080", "127.200.3.4", "[::1]", "[::1]:8080"])(
    "opens the gateway addressed as %s",
    async (host) => {
      expect((await authenticate({ authorization, host })).name).toBe("store-key");
    },
  );

  it.each(foreign)("is refused under the name %s, and the answer says what to do", (host) => {
    expect(() => authenticate({ authorization, host })).toThrow(
      expect.objectContaining({
        code: "forbidden",
        message: expect.stringMatching(
          /^the well-known key is refused for Host '.*localhost.*TURBOPUFFER_API_KEY/,
        ),
      }),
    );
  });

  it("is what the name is judged for: a wrong key is unknown first, and a key of one's own opens under any name", async () => {
    const host = "evil.example";
    expect(() => authenticate({ authorization: "Bearer wrong", host })).toThrow("matches no key");
    const own = createStoreKeyAuthenticator("secret");
    expect((await own({ authorization: "Bearer secret", host })).name).toBe("store-key");
  });
});

describe("a gateway with the well-known key", () => {
  let app: TestApp;
  afterEach(() => app.close());

  /** Asks under a name of one's choice, which `fetch` does not allow. */
  const ask = (path: string, host: string) =>
    new Promise<{ status: number; body: unknown }>((resolve, reject) => {
      const call = request(`${app.url}${path}`, { headers: { host, authorization } }, (answer) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      });
      call.on("error", reject);
      call.end();
    });

  it("answers 403 to a page that calls it by another name, and takes it for nobody on open routes", async () => {
    app = await startTestApp({ authenticate });
    expect(await ask("/v2/namespaces", "evil.example:8080")).toMatchObject({
      status: 403,
      body: { error: "forbidden", message: expect.stringContaining("evil.example:8080") },
    });
    expect((await ask("/health", "evil.example:8080")).status).toBe(200);
    expect((await ask("/v2/namespaces", "localhost:8080")).status).toBe(200);
    expect(app.calls.map(({ context }) => context.principal.name)).toEqual(["anonymous", "store-key"]);
  });
});
