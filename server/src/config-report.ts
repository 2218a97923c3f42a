/** `hevlayer-gateway config`: what the gateway would run with, where each value comes from, and what stands where. */

import { type Config, type Environment, isBlank, parseConfig } from "./config.js";
import { LOCAL_KEY, type Setting, settings } from "./settings.js";
import { adapterOf, locationOf, type StoresConfig } from "./store-config.js";

/**
 * A line for each setting with value and source (`default` or `environment`), then one for each port. Secrets are masked.
 * @throws ConfigError as `parseConfig` does
 */
export function reportConfig(environment: Environment): string {
  const config = parseConfig(environment);
  const rows = Object.values<Setting<unknown>>(settings).map((setting) => {
    const isDefault = isBlank(environment[setting.name]);
    return [
      setting.name,
      isDefault ? defaultOf(setting, config) : given(setting, environment),
      isDefault ? "default" : "environment",
    ];
  });
  return `${columns(rows)}\n\n${columns(places(config))}`;
}

function given(setting: Setting<unknown>, environment: Environment): string {
  if (setting.secret) return "[secret]";
  const parsed = setting.parse((environment[setting.name] ?? "").trim());
  return parsed.ok ? String(parsed.value) : "";
}

/** Two defaults depend on whether the engine runs. */
function defaultOf(setting: Setting<unknown>, { upstream }: Config): string {
  const isEmbedded = upstream.kind === "embedded";
  if (setting.name === settings.storeKey.name) return isEmbedded ? LOCAL_KEY : setting.defaultText;
  if (setting.name === settings.dataDir.name) return isEmbedded ? upstream.dataDir : "none";
  return setting.defaultText;
}

function places({ upstream, stores }: Config): string[][] {
  const row = (name: string, store: StoresConfig[keyof StoresConfig]): string[] => [
    name,
    store.kind === "off" ? "off" : adapterOf(store),
    locationOf(store) ?? (store.kind === "off" ? store.detail : ""),
  ];
  return [
    upstream.kind === "embedded"
      ? ["upstream", "engine", `${upstream.dataDir}/engine`]
      : ["upstream", "turbopuffer", upstream.url],
    row("document cache", stores.documentCache),
    row("blob store", stores.blobStore),
    row("queue store", stores.queueStore),
  ];
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = (column: number): number =>
    Math.min(60, Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const widths = [width(0), width(1)];
  return rows
    .map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}
