import http from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { KEY, startTestApp, type TestApp } from "../../test/recording-app.js";
import { createHotRoutes } from "./hot-routes.js";

const origin = "https://app.example";
const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** One application that looks routes up itself, and one that leaves all of them to Express, as it does for browsers. */
async function both(): Promise<[TestApp, TestApp]> {
  const quick = await startTestApp();
  const plain = await startTestApp({ corsOrigins: [origin] });
  apps.push(quick, plain);
  return [quick, plain];
}

/** Sends a path as it is. */
function send({ url }: TestApp, method: string, path: string, headers: http.OutgoingHttpHeaders = {}) {
  const authorization = `Bearer ${KEY}`;
  return new Promise<{ status: number; headers: unknown; text: string }>((resolve, reject) => {
    const request = http.request(url, { method, path, headers: { authorization, ...headers } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      const { date: _, vary: __, ...shown } = answer.headers;
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, headers: shown, text }));
    });
    request.once("error", reject).end();
  });
}

describe("a route that is found without Express", () => {
  it.each([
    ["POST", "/v2/namespaces/products/query"],
    ["POST", "/v2/namespaces/a.b-c_D9/query?stainless_overload=multiQuery"],
    ["POST", "/v1/namespaces/products/query"],
    ["POST", "/v2/namespaces/products"],
    ["POST", "/v2/namespaces/products/"],
    ["POST", "/v2/namespaces/products/documents"],
    ["GET", "/v2/namespaces/products/documents/sku-17"],
    ["GET", "/v2/namespaces/products/documents/a%2Fb"],
    ["GET", "/v2/namespaces/products/documents/100%"],
    ["GET", "/v2/namespaces/products/documents/~tilde"],
    ["GET", "/v2/namespaces/products/documents/a/b"],
    ["GET", "/v2/namespaces/products/documents/"],
    ["HEAD", "/v2/namespaces/products/documents/sku-17"],
    ["OPTIONS", "/v2/namespaces/products/query"],
    ["GET", "/v2/namespaces?page_size=2"],
    ["GET", "/v2/namespaces/"],
    ["GET", "/V2/namespaces"],
    ["GET", "//v2/namespaces"],
    ["GET", "/v2/namespaces#fragment"],
    ["GET", "http://elsewhere/v2/namespaces"],
    ["POST", "/v2/namespaces/../query"],
    ["POST", "/v2/namespaces/./query"],
    ["POST", "/v2/namespaces/..%2fx/query"],
    ["POST", "/v2/namespaces/a~b/query"],
    ["POST", "/v2/namespaces/a b/query"],
    ["POST", `/v2/namespaces/${"n".repeat(129)}/query`],
    ["POST", "/v2/namespaces//query"],
    ["POST", "/v2/namespaces/products/query/"],
    ["PUT", "/v2/namespaces/products/query"],
  ])("answers %s %s as Express would", async (method, path) => {
    const [quick, plain] = await both();
    expect(await send(quick, method, path.replaceAll(" ", "%20"))).toEqual(
      await send(plain, method, path.replaceAll(" ", "%20")),
    );
    const calls = (app: TestApp) =>
      app.calls.map(({ operationId, path, query, context }) => [operationId, path, query, context.rawQuery]);
    expect(calls(quick)).toEqual(calls(plain));
  });

  it("refuses a stranger as Express would", async () => {
    const [quick, plain] = await both();
    const answers = [quick, plain].map((app) =>
      send(app, "POST", "/v2/namespaces/products/query", { authorization: "Bearer nobody" }),
    );
    const [first, second] = await Promise.all(answers);
    expect(first).toEqual(second);
    expect(first?.status).toBe(401);
  });
});

it("finds a route by its method and gives its parameters", () => {
  const routes = createHotRoutes();
  const called: string[] = [];
  routes.add({ method: "GET", template: "/v2/namespaces/{namespace}/documents/{doc_id}" }, () => {
    called.push("fetch");
  });
  const request = { method: "GET", url: "/v2/namespaces/a/documents/b?include_attributes=c", params: {} };
  routes.find(request as never)?.(request as never, {} as never);
  expect([called, request.params]).toEqual([["fetch"], { namespace: "a", doc_id: "b" }]);
  expect(routes.find({ ...request, method: "POST" } as never)).toBeUndefined();
  expect(routes.find({ ...request, url: "/v2/namespaces/a/documents/b%20c" } as never)).toBeUndefined();
});
