/**
 * Walks a listing page by page. Only a missing or empty cursor ends it: an empty page with a cursor goes on. A cursor
 * seen before is an error, since following it would never end.
 */
import { isRecord, PageError } from "./errors.js";

/** How a listing continues. */
export interface PageInfo {
  /** Option that takes the cursor. */
  readonly cursor: string;
  /** Field that holds the items; absent when the body is the array itself. */
  readonly items?: string;
  /** Where the next cursor stands: a field of the body, or a field of the last item. */
  readonly next: { readonly field: string } | { readonly lastItem: string };
}

/** The items of a listing across its pages; `pages()` gives the pages themselves. Each loop starts from the beginning. */
export class Pages<Page, Item> implements AsyncIterable<Item> {
  readonly #fetch: (cursor: string | undefined) => Promise<Page>;
  readonly #info: PageInfo;
  readonly #operationId: string;
  readonly #start: string | undefined;

  /**
   * @param fetch reads one page; undefined asks for the first
   * @param start the cursor that the caller begins at
   */
  constructor(
    operationId: string,
    info: PageInfo,
    fetch: (cursor: string | undefined) => Promise<Page>,
    start?: string,
  ) {
    this.#operationId = operationId;
    this.#info = info;
    this.#fetch = fetch;
    this.#start = start;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* this.#items(page);
  }

  /** The pages, one request each. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    let cursor = this.#start;
    const seen = new Set(cursor === undefined ? [] : [cursor]);
    do {
      const page = await this.#fetch(cursor);
      // Read before the page is handed out, so that a page cannot be changed from under the walk.
      cursor = this.#nextCursor(page);
      if (cursor !== undefined && seen.has(cursor)) {
        throw new PageError(
          `${this.#operationId}: the cursor ${JSON.stringify(cursor)} came twice; the listing would never end`,
          {
            operationId: this.#operationId,
          },
        );
      }
      if (cursor !== undefined) seen.add(cursor);
      yield page;
    } while (cursor !== undefined);
  }

  #items(page: Page): Item[] {
    const items = this.#info.items === undefined ? page : isRecord(page) ? page[this.#info.items] : undefined;
    if (Array.isArray(items)) return items as Item[];
    throw new PageError(`${this.#operationId}: the page has no list in ${this.#info.items ?? "its body"}`, {
      operationId: this.#operationId,
    });
  }

  #nextCursor(page: Page): string | undefined {
    const { next } = this.#info;
    const holder = "field" in next ? page : this.#items(page).at(-1);
    const value = isRecord(holder) ? holder["field" in next ? next.field : next.lastItem] : undefined;
    return value === undefined || value === null || value === "" ? undefined : String(value);
  }
}
