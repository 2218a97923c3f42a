/** The end of the time that a call of several steps has, together. */

export interface Deadline {
  /** What is left, in ms; 0 once it is over. */
  leftMs(): number;
}

export function deadlineIn(budgetMs: number): Deadline {
  const end = performance.now() + budgetMs;
  return { leftMs: () => Math.max(0, end - performance.now()) };
}
