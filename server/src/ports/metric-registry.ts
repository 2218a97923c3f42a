/** Everything that was recorded, as text that a monitoring system reads. */

export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

export interface MetricRegistry {
  /**
   * Every series there is now. A namespace that `shows` refuses is not named: its values become part of a series without
   * that label. Never rejects for want of a value; rejects when the processes of this gateway cannot be asked.
   */
  render(shows: (namespace: string) => boolean): Promise<Scrape>;
}
