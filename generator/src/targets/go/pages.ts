/**
 * The iterator over the items of a listing, for each form that `x-hev-page` has: items in a field or as the whole answer,
 * the next cursor in a field or in the last item.
 */
import type { Field, Operation, Page, Type } from "../../model.js";
import { goExported, goLocal, iterWords } from "../../names.js";
import type { Printer } from "../../printer.js";
import { type Method, paramsName } from "./method.js";
import { type Declarations, OPEN_MAP, plainType } from "./shape.js";
import { fieldName } from "./types.js";

type Paged = Exclude<Page, "none">;

/** What an iterator needs to know of a page. */
interface PageParts {
  /** The Go type of an item. */
  item: string;
  /** Statements that return a page's items, its next cursor and no error. */
  split: string[];
}

/** Emits the iterator of an operation that has pages, nothing for any other. */
export function emitIterator(out: Printer, listing: Method, declared: Declarations, context: string): void {
  const { operation, name, signature, forwarded } = listing;
  const { page } = operation;
  if (!page || page === "none") return;
  const cursor = operation.queryParams.find((param) => param.wire === page.cursor);
  if (cursor?.type.kind !== "string")
    throw new Error(
      `operation ${operation.id}: x-hev-page.cursor must name a query parameter of type string`,
    );
  const method = goExported(iterWords(operation.words));
  const { item, split } = pageParts(operation, page, declared);
  out.blank();
  out.doc(`${method} walks all pages of ${name}, from ${fieldName(cursor)} in params if it is set.`);
  out.block(
    `func (c *Client) ${method}(${signature}) *Iter[${item}] {`,
    () => {
      out.line(`var first ${paramsName(operation)}`);
      out.block("if params != nil {", () => out.line("first = *params"), "}");
      out.block(
        `return newIter(ctx, &${goLocal(operation.words)}Op, first.${fieldName(cursor)}, func(ctx ${context}.Context, cursor string) ([]${item}, string, error) {`,
        () => {
          out.line("params := first", `params.${fieldName(cursor)} = cursor`);
          out.line(`page, err := c.${name}(${forwarded.replace("params", "&params")})`);
          out.block("if err != nil {", () => out.line('return nil, "", err'), "}");
          out.line(...split);
        },
        "})",
      );
    },
    "}",
  );
}

function pageParts(operation: Operation, page: Paged, declared: Declarations): PageParts {
  if (operation.kind === "passthrough") {
    if (page.items === undefined || !("field" in page.next))
      throw new Error(
        `operation ${operation.id}: a passthrough listing needs x-hev-page.items and next.field`,
      );
    const names = `${JSON.stringify(page.items)}, ${JSON.stringify(page.next.field)}`;
    return { item: OPEN_MAP, split: [`items, next := mapPage(page, ${names})`, "return items, next, nil"] };
  }
  const items = itemsOf(operation, page, declared);
  if (items.type.kind !== "array")
    throw new Error(`operation ${operation.id}: x-hev-page finds no array of items`);
  const item = plainType(items.type.items, declared, "string");
  return "field" in page.next
    ? { item, split: nextInField(operation, page.next.field, items.text, declared) }
    : { item, split: nextInLastItem(operation, page.next.lastItem, items, declared) };
}

interface Items {
  text: string;
  type: Type;
}

function itemsOf(operation: Operation, page: Paged, declared: Declarations): Items {
  const answer = answerOf(operation, declared);
  if (page.items === undefined) return { text: "page", type: answer };
  const field = fieldOf(operation, answer, page.items);
  return { text: `page.${fieldName(field)}`, type: declared.resolve(field.type) };
}

function nextInField(operation: Operation, wire: string, items: string, declared: Declarations): string[] {
  const next = fieldOf(operation, answerOf(operation, declared), wire);
  const cursor = `page.${fieldName(next)}`;
  if (!next.type.nullable) return [`return ${items}, ${cursor}, nil`];
  return [`if ${cursor} == nil {`, `\treturn ${items}, "", nil`, "}", `return ${items}, *${cursor}, nil`];
}

/** Such a listing ends with an empty page, since every other page has a last item. */
function nextInLastItem(operation: Operation, wire: string, items: Items, declared: Declarations): string[] {
  const item = items.type.kind === "array" ? declared.resolve(items.type.items) : items.type;
  const next = fieldOf(operation, item, wire);
  if (next.type.kind !== "string" || !next.required || next.type.nullable)
    throw new Error(`operation ${operation.id}: x-hev-page.next.last_item must name a required string`);
  return [
    `if len(${items.text}) == 0 {`,
    '\treturn nil, "", nil',
    "}",
    `return ${items.text}, ${items.text}[len(${items.text})-1].${fieldName(next)}, nil`,
  ];
}

function answerOf(operation: Operation, declared: Declarations): Type {
  const { type } = operation.success;
  if (!type) throw new Error(`operation ${operation.id}: x-hev-page needs an answer with a body`);
  return declared.resolve(type);
}

function fieldOf(operation: Operation, type: Type, wire: string): Field {
  const found = type.kind === "object" && type.fields.find((field) => field.wire === wire);
  if (!found) throw new Error(`operation ${operation.id}: x-hev-page names ${wire}, which its answer lacks`);
  return found;
}
