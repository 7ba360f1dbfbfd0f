/** How far a batch shall reach; without any limit it reaches to the next tick. */
export interface BatchLimits {
  /** At least so many events … */
  readonly minCount?: number | undefined;
  /** … or so much time. */
  readonly minIntervalMs?: number | undefined;
  /** Only up to a tick that is at least so old. */
  readonly minLagMs?: number | undefined;
}
