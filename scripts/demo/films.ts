/**
 * The demo's data: the 3,201 films of the npm package `vega-datasets`, odd values included.
 *
 * Titles that are numbers (`300`) become text, dates become ISO dates, and nulls stay nulls: the gateway and the engine
 * are meant to be seen with data as it comes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "hevlayer";
import { ROOT } from "../running-gateway.js";
import { DIMENSIONS, embed } from "./vectors.js";

/** The package exports its loaders, not its files, so the file is found by place. */
const DATA = join(ROOT, "node_modules/vega-datasets/data/movies.json");

interface RawFilm {
  Title: string | number | null;
  Distributor: string | null;
  Director: string | null;
  Source: string | null;
  "Major Genre": string | null;
  "Creative Type": string | null;
  "MPAA Rating": string | null;
  "Release Date": string;
  "Production Budget": number | null;
  "Worldwide Gross": number | null;
  "Running Time min": number | null;
  "Rotten Tomatoes Rating": number | null;
  "IMDB Rating": number | null;
  "IMDB Votes": number | null;
}

/** How the attributes are typed and indexed. */
export const SCHEMA = {
  title: { type: "string", full_text_search: { stemming: true, remove_stopwords: true }, filterable: true },
  release_date: "datetime",
  imdb_rating: "float",
  vector: { type: `[${DIMENSIONS}]f32`, ann: true },
};

/** Reads the films, gives each its position as id, and makes its vector from its words. */
export function readFilms(): Row[] {
  const raw: RawFilm[] = JSON.parse(readFileSync(DATA, "utf8"));
  return raw.map((film, id) => ({
    id,
    vector: embed([film.Title, film.Director, film["Major Genre"], film["Creative Type"], film.Source]),
    title: film.Title === null ? null : String(film.Title),
    genre: film["Major Genre"],
    creative_type: film["Creative Type"],
    distributor: film.Distributor,
    director: film.Director,
    mpaa_rating: film["MPAA Rating"],
    release_date: isoDate(film["Release Date"]),
    budget_usd: film["Production Budget"],
    gross_usd: film["Worldwide Gross"],
    running_time_min: film["Running Time min"],
    rotten_tomatoes: film["Rotten Tomatoes Rating"],
    imdb_rating: film["IMDB Rating"],
    imdb_votes: film["IMDB Votes"],
  }));
}

/** `Jun 12 1998` → `1998-06-12`. Text that is no date gives null, as an absent value would. */
function isoDate(text: string): string | null {
  const at = Date.parse(`${text} UTC`);
  return Number.isNaN(at) ? null : new Date(at).toISOString().slice(0, 10);
}
