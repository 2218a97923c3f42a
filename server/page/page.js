/**
 * The local page: asks this gateway how it is, and shows what it holds to whoever has its key. Everything shown is set as
 * text, since names and attributes come from users.
 */

const REFRESH_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
const NAMESPACES_MAX = 100;
/** What Turbopuffer allows. The name goes into a command that people copy, so nothing else may, whoever stands upstream. */
const PLAIN_NAME = /^[\w.-]{1,128}$/;

const storeTitles = {
  upstream: ["Vector store", "rows, vectors, schemas"],
  document_cache: ["Document cache", "rows by id; may be lost"],
  blob_store: ["Blob store", "snapshots, policies, keys, jobs"],
  queue_store: ["Queue store", "pipeline queues"],
};

/** The well-known key, where the server says that it is in use; otherwise what the visitor types. */
let key = JSON.parse(document.getElementById("bootstrap").textContent).key ?? null;
const isLocalKey = key !== null;

const byId = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

async function ask(path) {
  const answer = await fetch(path, {
    headers: key === null ? {} : { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return { status: answer.status, body: await answer.json() };
}

function showStatus(state, words) {
  byId("status").dataset.state = state;
  byId("status").textContent = words;
}

function showStores(stores) {
  const cards = Object.entries(storeTitles).map(([name, [title, purpose]]) => {
    const store = stores[name] ?? { adapter: "none", status: "off" };
    const card = document.createElement("li");
    const heading = element("h3", title);
    const state = store.status === "off" ? "off" : `${store.adapter} · ${store.status}`;
    heading.append(element("span", state, { class: "badge", "data-state": store.status }));
    card.append(heading, element("p", purpose));
    if (store.location) {
      const place = document.createElement("p");
      place.append(element("code", store.location));
      card.append(place);
    }
    if (store.status === "degraded" && store.detail) card.append(element("p", store.detail));
    return card;
  });
  byId("stores").replaceChildren(...cards);
}

function bytesText(bytes) {
  if (bytes === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return `${(bytes / 1000 ** power).toLocaleString(undefined, { maximumFractionDigits: 1 })} ${units[power]}`;
}

function agoText(epochMs) {
  if (epochMs === undefined) return "–";
  const seconds = Math.max(0, Math.round((Date.now() - epochMs) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  return new Date(epochMs).toLocaleString();
}

function namespaceRow(namespace) {
  const fields = namespace.schema_summary?.fields ?? [];
  const row = document.createElement("tr");
  row.append(
    element("td", namespace.name),
    element("td", namespace.row_count?.toLocaleString() ?? "–", { class: "number" }),
    element("td", bytesText(namespace.size_bytes), { class: "number" }),
    element("td", namespace.schema_summary?.vector_dim ?? "–", { class: "number" }),
    element("td", fields.filter((field) => !field.startsWith("_hevlayer_")).join(", "), {
      class: "attributes",
    }),
    element("td", namespace.metadata_error ?? namespace.index?.status ?? "–"),
    element("td", agoText(namespace.last_write_ms)),
  );
  return row;
}

function showNamespaces({ namespaces, next_cursor: next }) {
  byId("namespaces-section").hidden = false;
  byId("key-section").hidden = true;
  byId("namespaces").hidden = namespaces.length === 0;
  byId("namespaces-empty").hidden = namespaces.length > 0;
  byId("namespaces-note").textContent = next ? `the first ${namespaces.length}` : "";
  byId("namespaces").tBodies[0].replaceChildren(...namespaces.map(namespaceRow));
  showCommand(namespaces.find(({ name }) => PLAIN_NAME.test(name))?.name);
}

/** A first read of `namespace`, or a first write where there is nothing to read. */
function showCommand(namespace) {
  const [what, path, body] =
    namespace === undefined
      ? [
          "write a first row",
          "/v2/namespaces/hello",
          '{"upsert_rows":[{"id":1,"title":"Hello, Layer","vector":[0.1,0.9]}],"distance_metric":"cosine_distance"}',
        ]
      : [
          `read three rows of ${namespace}`,
          `/v2/namespaces/${namespace}/query`,
          '{"rank_by":["id","asc"],"limit":3,"include_attributes":true}',
        ];
  const token = isLocalKey ? key : "$TURBOPUFFER_API_KEY";
  byId("try-what").textContent = what;
  byId("command").textContent = [
    `curl ${location.origin}${path} \\`,
    `  -H "Authorization: Bearer ${token}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
  ].join("\n");
}

async function refreshNamespaces() {
  if (key === null) return;
  const { status, body } = await ask(`/v2/namespaces?page_size=${NAMESPACES_MAX}`);
  if (status === 200) return showNamespaces(body);
  if (status === 401 || status === 403) {
    key = null;
    byId("key-section").hidden = false;
    byId("namespaces-section").hidden = true;
  }
  byId("key-problem").textContent = body.message ?? `the gateway answered ${status}`;
}

async function refresh() {
  try {
    const { body: health } = await ask("/health");
    const { status, body: readiness } = await ask("/ready");
    byId("version").textContent = `Layer ${health.version}`;
    showStores(health.stores);
    if (status === 200) showStatus("ok", "ready");
    else showStatus("bad", readiness.detail ? `${readiness.status}: ${readiness.detail}` : readiness.status);
    if (status === 200) await refreshNamespaces();
  } catch {
    showStatus("bad", "gateway does not answer");
  }
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value.trim();
  byId("key").value = "";
  byId("key-problem").textContent = "";
  refresh();
});

byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("command").textContent);
  byId("copy").textContent = "Copied";
  setTimeout(() => {
    byId("copy").textContent = "Copy";
  }, 1500);
});

byId("key-section").hidden = isLocalKey;
showCommand();
refresh();
setInterval(() => {
  if (document.visibilityState === "visible") refresh();
}, REFRESH_MS);
