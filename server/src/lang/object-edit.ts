/**
 * Edits of one object's members within a JSON text, as replacements of byte spans: what is not edited keeps its bytes.
 *
 * Several objects of one text (a body and each query in it) may be edited into the same splice, as long as no object is
 * edited whose text another edit replaces.
 */

import type { JsonMember } from "./json-members.js";
import type { Splice } from "./json-splice.js";

/** Where an object begins and what it has, as `membersAt` and `readMembers` give it; no name occurs twice. */
export interface EditedObject {
  readonly start: number;
  readonly members: ReadonlyMap<string, JsonMember>;
}

export class ObjectEdit {
  readonly #object: EditedObject;
  readonly #splice: Splice;
  readonly #removed = new Set<string>();
  readonly #set = new Map<string, string>();

  constructor(object: EditedObject, splice: Splice) {
    this.#object = object;
    this.#splice = splice;
  }

  /** Sets a member to `json`: in its place where it is, else at the object's end. A later call for a name wins. */
  set(name: string, json: string): void {
    this.#set.set(name, json);
  }

  /** Replaces a span inside a member's value. */
  replaceSpan(start: number, end: number, text: string): void {
    this.#splice.replace(
      start,
      end,
      this.#splice.template(() => text),
    );
  }

  /** Puts text before and after the value of a member that is there. */
  wrap(name: string, before: string, after: string): void {
    const { start, end } = this.#member(name);
    this.replaceSpan(start, start, before);
    this.replaceSpan(end, end, after);
  }

  /** Gives a member that is there another key, and puts text around its value. */
  rename(name: string, newName: string, before: string, after: string): void {
    const { key, start, end } = this.#member(name);
    this.replaceSpan(key, start, `${JSON.stringify(newName)}:${before}`);
    this.replaceSpan(end, end, after);
  }

  /** Takes a member out, if it is there. */
  remove(name: string): void {
    if (this.#object.members.has(name)) this.#removed.add(name);
  }

  /** Hands what was set and removed to the splice; call once, after every other edit of this object. */
  finish(): void {
    const added: string[] = [];
    for (const [name, json] of this.#set) {
      const member = this.#object.members.get(name);
      if (member === undefined) added.push(`${JSON.stringify(name)}:${json}`);
      else this.replaceSpan(member.start, member.end, json);
    }
    if (this.#removed.size > 0 || added.length > 0) this.#reshape(added);
  }

  #reshape(added: readonly string[]): void {
    const members = [...this.#object.members.values()];
    const lastKept = members.findLastIndex(({ name }) => !this.#removed.has(name));
    for (const [index, { name, key }] of members.entries()) {
      const next = members[index + 1];
      // A member in front of one that stays takes its comma along.
      if (index < lastKept && next !== undefined && this.#removed.has(name))
        this.replaceSpan(key, next.key, "");
    }
    const kept = members[lastKept];
    const from = kept === undefined ? this.#object.start + 1 : kept.end;
    const to = members.at(-1)?.end ?? from;
    const comma = kept === undefined || added.length === 0 ? "" : ",";
    this.replaceSpan(from, to, `${comma}${added.join(",")}`);
  }

  #member(name: string): JsonMember {
    const member = this.#object.members.get(name);
    if (member === undefined) throw new Error(`no member ${name} to edit`);
    return member;
  }
}
