import { afterEach, describe, expect, it } from "vitest";
import { APIConnectionError, APIError, Hevlayer, type HevlayerOptions } from "../src/index.js";
import { type Answer, closedUrl, type FaultServer, startFaultServer } from "./fault-server.js";

const KEY = "key-that-must-not-leak";
const DONE: Answer = { body: { status: "ok" } };
const servers: FaultServer[] = [];

async function serve(...script: Answer[]): Promise<FaultServer> {
  const server = await startFaultServer(...script);
  servers.push(server);
  return server;
}

const clientFor = (server: FaultServer, options: HevlayerOptions = {}): Hevlayer =>
  new Hevlayer({ baseUrl: server.url, apiKey: KEY, headers: { "x-team-token": "t" }, ...options });

const to = (location: string, status = 302): Answer => ({ status, headers: { location } });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error,
  );
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("a redirect", () => {
  it.each([301, 302, 303, 307, 308])(
    "with status %i is followed by a GET, headers and all",
    async (status) => {
      const server = await serve(to("/moved?x=1#part", status), DONE);
      const { data, perf } = await clientFor(server).getHealth({ withPerf: true });
      expect([data.status, perf.attempts]).toEqual(["ok", 1]);
      expect(server.requests[1]).toMatchObject({
        method: "GET",
        target: "/moved?x=1",
        headers: { authorization: `Bearer ${KEY}`, "x-team-token": "t" },
      });
    },
  );

  it("to another origin takes neither the key nor the caller's headers along", async () => {
    const other = await serve(DONE);
    const server = await serve(to(`${other.url}/health`, 307));
    expect((await clientFor(server).getHealth()).status).toBe("ok");
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    const { headers } = other.requests[0] ?? expect.unreachable("nothing arrived");
    for (const name of ["authorization", "x-team-token", "referer"]) expect(headers).not.toHaveProperty(name);
    expect(headers["user-agent"]).toMatch(/^hevlayer-typescript/);
  });

  it("never gives the key back to the first origin after a detour", async () => {
    const other = await serve(DONE);
    const home = await serve(to(`${other.url}/away`), DONE);
    const detour = await serve(to(`${home.url}/back`));
    const server = await serve(to(`${detour.url}/x`));
    await clientFor(server).getHealth();
    expect([home, other].map(({ requests }) => requests[0]?.headers.authorization)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it.each([301, 302, 303, 307, 308])("with status %i is the answer to a write", async (status) => {
    const server = await serve(to("/elsewhere", status), DONE);
    const error = await failure(clientFor(server).writeNamespace("p", { deletes: [1] }));
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ statusCode: status, attempts: 1 });
    expect(server.requests).toHaveLength(1);
  });

  it("that goes on for ever is followed ten times and then reported, without another attempt", async () => {
    const server = await serve(to("/again"));
    expect(await failure(clientFor(server).getHealth())).toMatchObject({ statusCode: 302, attempts: 1 });
    expect(server.requests).toHaveLength(11);
  });

  it.each(["http://[broken", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://user:pw@127.0.0.1/x"])(
    "to %s is the answer",
    async (location) => {
      const server = await serve(to(location));
      expect(await failure(clientFor(server).getHealth())).toMatchObject({ statusCode: 302, attempts: 1 });
    },
  );

  it("without a place to go is the answer, and so is any other 3xx", async () => {
    for (const status of [302, 300, 304]) {
      const server = await serve({ status, ...(status === 304 ? { headers: { location: "/x" } } : {}) });
      expect(await failure(clientFor(server).getHealth())).toMatchObject({ statusCode: status, attempts: 1 });
    }
  });

  it("from https to http is the answer", async () => {
    const asked: string[] = [];
    const fetch = async ({ url }: Request): Promise<Response> => {
      asked.push(url);
      return new Response(null, { status: 302, headers: { location: "http://plain.example/health" } });
    };
    const client = new Hevlayer({ baseUrl: "https://safe.example", fetch });
    expect(await failure(client.getHealth())).toMatchObject({ statusCode: 302 });
    expect(asked).toEqual(["https://safe.example/health"]);
  });

  it("to where nobody listens is a lost connection, and no reason to ask Turbopuffer", async () => {
    const upstream = await serve({ body: {} });
    const server = await serve(to(`${await closedUrl()}/x`));
    const client = clientFor(server, {
      maxRetries: 0,
      turbopufferApiKey: "store-key",
      turbopufferBaseUrl: upstream.url,
    });
    expect(await failure(client.getTurbopufferNamespaceSchema("p"))).toBeInstanceOf(APIConnectionError);
    expect(upstream.requests).toHaveLength(0);
  });

  it("is left to the platform where it hides the target, as browsers do", async () => {
    const modes: string[] = [];
    const opaque = { type: "opaqueredirect", status: 0, ok: false, headers: new Headers(), body: null };
    const fetch = async (request: Request): Promise<Response> => {
      modes.push(request.redirect);
      return request.redirect === "follow"
        ? Response.json({ status: "ok" })
        : (opaque as unknown as Response);
    };
    expect((await new Hevlayer({ fetch }).getHealth()).status).toBe("ok");
    expect(modes).toEqual(["manual", "follow"]);
  });
});
