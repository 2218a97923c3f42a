/**
 * The page in a real browser. Runs where Chromium is: `CHROMIUM_PATH`, or the distribution's `/usr/bin/chromium`.
 */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../scripts/running-gateway.js";
import { startScriptedUpstream } from "./scripted-upstream.js";

const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const hasChromium = existsSync(executablePath);
const where = hasChromium
  ? ""
  : ` (skipped: no Chromium at ${executablePath}; install it or set CHROMIUM_PATH)`;

describe.skipIf(!hasChromium)(`the page in a browser${where}`, () => {
  let browser: Browser;
  let local: RunningGateway;
  let keyed: RunningGateway;

  beforeAll(async () => {
    const args = [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-sync",
    ];
    browser = await chromium.launch({ executablePath, args });
    local = await startGateway();
    keyed = await startGateway({ env: { TPUF_URL: local.engineUrl, TURBOPUFFER_API_KEY: KEY } });
  });

  afterAll(async () => {
    await browser?.close();
    await keyed?.stop();
    await local?.stop();
  });

  /** Opens a gateway's page and collects what would be a defect: errors, and requests to anywhere else. */
  async function open(url: string): Promise<{ page: Page; defects: string[] }> {
    const page = await browser.newPage();
    const defects: string[] = [];
    page.on("pageerror", (error) => defects.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(url)) defects.push(`request to ${request.url()}`);
    });
    await page.goto(url);
    return { page, defects };
  }

  it("shows on a laptop that it is ready, where state lives, and a command that works", async () => {
    const { page, defects } = await open(local.url);
    await expect.poll(() => page.locator("#status").innerText()).toBe("ready");
    await page.getByText(`${local.dataDir}/engine`).waitFor();
    await page.getByText("None yet.").waitFor();

    const command = await page.locator("#command").innerText();
    expect(command).toContain(`Bearer ${KEY}`);
    const [, body = ""] = /-d '([^']+)'/.exec(command) ?? [];
    const [path = ""] = /\/v2\/namespaces\/\S+/.exec(command) ?? [];
    const answer = await fetch(`${local.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body,
    });
    expect(answer.status, await answer.text()).toBe(200);

    await expect
      .poll(
        async () => {
          await page.reload();
          return page
            .locator("#namespaces")
            .innerText({ timeout: 2_000 })
            .catch(() => "");
        },
        { timeout: 15_000, interval: 500 },
      )
      .toContain(path.split("/").at(-1) ?? "nothing");
    expect(defects).toEqual([]);
    await page.close();
  });

  it("asks for the key where it is not the well-known one, and keeps it out of storage", async () => {
    const { page, defects } = await open(keyed.url);
    await page.locator("#key-section").waitFor();
    expect(await page.content()).not.toContain(KEY);

    await page.fill("#key", "tpuf_wrong");
    await page.press("#key", "Enter");
    await expect.poll(() => page.locator("#key-problem").innerText()).not.toBe("");

    await page.fill("#key", KEY);
    await page.press("#key", "Enter");
    await page.locator("#namespaces-section").waitFor();
    const stored = await page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])",
    );
    expect(stored).not.toContain(KEY);
    expect(defects).toEqual([]);
    await page.close();
  });

  it("shows names as text, and puts none into its command that a shell would not take for a name", async () => {
    const upstream = await startScriptedUpstream();
    const hostile = ["<img src=x onerror=alert(1)>", "a'; touch owned; echo '", "$(id)"];
    upstream.onRequest(({ url }, response) => {
      const names = [...hostile, "plain-1"].map((id) => ({ id }));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(url.startsWith("/v1/namespaces?") ? { namespaces: names } : {}));
    });
    const gateway = await startGateway({ env: { TPUF_URL: upstream.url, TURBOPUFFER_API_KEY: KEY } });
    try {
      const { page, defects } = await open(gateway.url);
      await page.locator("#key").fill(KEY);
      await page.locator("#key").press("Enter");
      await page.locator("#namespaces").waitFor();
      expect(await page.locator("#namespaces tbody tr td:first-child").allTextContents()).toEqual([
        ...hostile,
        "plain-1",
      ]);
      expect(await page.locator("#command").textContent()).toContain("/v2/namespaces/plain-1/query");
      expect(defects).toEqual([]);
      await page.close();
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });
});
