/**
 * Where measurements go. Parts record through this interface and know nothing of how it is exposed; names, labels and units
 * are those of `metric-catalogue.ts`.
 *
 * Recording never throws and never waits. A `namespace` is given as it is: the recorder bounds how many it tells
 * apart, and lumps the rest together as `other`.
 */

import type { CounterName, GaugeName, HistogramName, LabelsOf } from "./metric-catalogue.js";

export interface Metrics {
  /** Adds to a counter. @param amount 0 or more; default 1 */
  add<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number): void;

  /** Records one value of a histogram: seconds for durations, bytes for sizes. */
  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void;

  /** Sets a gauge to what it is now. */
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void;

  /**
   * Reads a gauge when it is asked for, in place of `set`: `read` gives every series that there is at that time. Several
   * readings with the same labels become one by the gauge's aggregator. `read` must not reject.
   */
  watch<Name extends GaugeName>(
    name: Name,
    read: () => Iterable<Reading<Name>> | Promise<Iterable<Reading<Name>>>,
  ): void;

  /** The namespace is known to exist: it is told apart from now on, while there is room. */
  admit(namespace: string): void;
}

export interface Reading<Name extends GaugeName> {
  readonly labels: LabelsOf<Name>;
  readonly value: number;
}

/** For tests, and for parts that run where nothing is measured. */
export const noMetrics: Metrics = { add() {}, observe() {}, set() {}, watch() {}, admit() {} };
